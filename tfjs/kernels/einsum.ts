import type * as tfjs from "@tensorflow/tfjs";
import { runKernel, type TrainingKernel } from "./wasm.ts";

interface Equation {
  inputs: string[];
  output: string;
}

/** Sums of products over named dimensions, computed with transposes and a matrix product. */
export const einsum: TrainingKernel = {
  name: "Einsum",
  run(tf, { inputs, attrs, backend }) {
    const tensors = Object.values(inputs);
    const { inputs: names, output } = parse(tf, attrs.equation as string, tensors);
    const made: tfjs.TensorInfo[] = [];
    const run = (name: string, inputs: Record<string, tfjs.TensorInfo>, attrs: object) => {
      const out = runKernel(tf, name, inputs, attrs, backend);
      made.push(out);
      return out;
    };
    const turn = (x: tfjs.TensorInfo, from: string, to: string) =>
      run("Transpose", { x }, { perm: [...to].map((name) => from.indexOf(name)) });
    /** Dimensions of only one input are summed first. */
    const reduced = tensors.map((x, i) => {
      const others = output + names.toSpliced(i, 1).join("");
      const alone = [...names[i]].filter((name) => !others.includes(name));
      if (alone.length === 0) return { x, names: names[i] };
      const axis = alone.map((name) => names[i].indexOf(name));
      return {
        x: run("Sum", { x }, { axis, keepDims: false }),
        names: [...names[i]].filter((name) => others.includes(name)).join(""),
      };
    });
    const [a, b] = reduced;
    let out: tfjs.TensorInfo;
    if (b === undefined) {
      out = turn(a.x, a.names, output);
    } else {
      const those = (names: string, ...within: [string, boolean][]) =>
        [...names].filter((name) => within.every(([text, has]) => text.includes(name) === has))
          .join("");
      const batch = those(a.names, [b.names, true], [output, true]);
      const inner = those(a.names, [b.names, true], [output, false]);
      const rows = those(a.names, [b.names, false]);
      const columns = those(b.names, [a.names, false]);
      const lengths = new Map(
        reduced.flatMap(({ x, names }) => [...names].map((name, i) => [name, x.shape[i]])),
      );
      const shape = (names: string) => [...names].map((name) => lengths.get(name)!);
      const size = (names: string) => shape(names).reduce((a, b) => a * b, 1);
      const product = run("BatchMatMul", {
        a: {
          ...turn(a.x, a.names, batch + rows + inner),
          shape: [size(batch), size(rows), size(inner)],
        },
        b: {
          ...turn(b.x, b.names, batch + inner + columns),
          shape: [size(batch), size(inner), size(columns)],
        },
      }, { transposeA: false, transposeB: false });
      const all = batch + rows + columns;
      out = turn({ ...product, shape: shape(all) }, all, output);
    }
    for (const tensor of made) if (tensor !== out) backend.disposeData(tensor.dataId);
    return out;
  },
};

/**
 * The gradient of {@linkcode einsum} with respect to each input, which tfjs lacks on all backends:
 * an einsum of the output's gradient and the other input, broadcast over dimensions that were
 * summed alone.
 */
export function einsumGradient(tf: typeof tfjs): tfjs.GradConfig {
  return {
    kernelName: "Einsum",
    saveAllInputs: true,
    gradFunc(dy, saved, attrs) {
      const { inputs, output } = parse(tf, attrs.equation as string, saved);
      return Object.fromEntries(saved.map((x, i) => [i, () => {
        const others = inputs.toSpliced(i, 1);
        const known = [...inputs[i]].filter((name) => (output + others.join("")).includes(name));
        const gradient = tf.einsum(
          `${[output, ...others].join(",")}->${known.join("")}`,
          dy as tfjs.Tensor,
          ...saved.toSpliced(i, 1),
        );
        const shape = x.shape.map((length, axis) => known.includes(inputs[i][axis]) ? length : 1);
        return tf.broadcastTo(gradient.reshape(shape), x.shape as [number]);
      }]));
    },
  };
}

/** The names of the dimensions, checked like in tfjs. */
function parse(tf: typeof tfjs, equation: string, tensors: tfjs.TensorInfo[]): Equation {
  const { allDims, idDims } = tf.backend_util.decodeEinsumEquation(equation, tensors.length);
  tf.backend_util.checkEinsumDimSizes(allDims.length, idDims, tensors as tfjs.Tensor[]);
  const [left, output] = equation.replace(/\s/g, "").split("->");
  return { inputs: left.split(","), output };
}
