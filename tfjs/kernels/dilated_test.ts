import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { close, type Input, pick, sameGradients, seeded, start, values } from "./fixtures.ts";

type Shape4D = [number, number, number, number];
type Convolve = (...inputs: tf.Tensor[]) => tf.Tensor;

describe("Dilated convolutions", () => {
  after(() => tf.setBackend("cpu"));

  for (const name of ["conv2d", "depthwiseConv2d"] as const) {
    it(`Dilated convolutions have the gradients of a filter with zeros between its taps, by ${name}`, async () => {
      for (let seed = 0; seed < 30; seed++) {
        const { what, inputs, dilations, pad } = dilated(seed);
        const [x, filter] = inputs;
        if (name === "depthwiseConv2d") {
          filter.shape[3] = seed % 3 + 1;
          filter.values = values(filter.shape, seeded(seed));
        }
        const dilate: Convolve = (x, filter) =>
          tf[name](x as tf.Tensor4D, filter as tf.Tensor4D, 1, pad, "NHWC", dilations);
        await sameGradients(`${name} ${what}`, inputs, dilate);
        await sameOnCpu(`${name} ${what}`, [x, filter], dilate, (x, filter) => {
          const spread = between(filter as tf.Tensor4D, dilations) as tf.Tensor4D;
          return tf[name](x as tf.Tensor4D, spread, 1, pad);
        });
      }
    });
  }

  it("Dilated convolutions have those gradients for volumes", async () => {
    for (let seed = 0; seed < 10; seed++) {
      const random = seeded(seed);
      const dilations: [number, number, number] = [
        2,
        pick([1, 2, 3], random),
        pick([1, 2], random),
      ];
      const pad = pick(["same", "valid"] as const, random);
      const inputs = [[2, 5, 7, 6, 2], [2, 3, 2, 2, 3]]
        .map((shape) => ({ shape, values: values(shape, random) }));
      const dilate: Convolve = (x, filter) =>
        tf.conv3d(x as tf.Tensor5D, filter as tf.Tensor5D, 1, pad, "NDHWC", dilations);
      const what = `dilations ${dilations}, ${pad}`;
      await sameGradients(what, inputs, dilate);
      await sameOnCpu(what, inputs, dilate, (x, filter) => {
        const spread = between(filter, dilations) as tf.Tensor5D;
        return tf.conv3d(x as tf.Tensor5D, spread, 1, pad);
      });
    }
  });

  it("Dilated convolutions have those gradients in one dimension, even with causal padding", async () => {
    for (
      const [dilation, pad] of [[2, "same"], [3, "valid"], [2, "causal"], [4, "causal"]] as const
    ) {
      const random = seeded(dilation);
      const inputs = [[3, 11, 2], [3, 2, 4]]
        .map((shape) => ({ shape, values: values(shape, random) }));
      await sameGradients(`dilation ${dilation}, ${pad}`, inputs, (x, filter) => {
        const causal = pad === "causal";
        const padded = causal ? tf.pad(x, [[0, 0], [2 * dilation, 0], [0, 0]]) : x;
        return tf.conv1d(
          padded as tf.Tensor3D,
          filter as tf.Tensor3D,
          1,
          causal ? "valid" : pad,
          "NWC",
          dilation,
        );
      });
    }
  });

  it("Dilated convolutions have the gradients of finite differences", async () => {
    await start("cpu");
    for (const pad of ["same", "valid", [[0, 0], [5, 0], [1, 6], [0, 0]]] as const) {
      const random = seeded(3);
      const x = { shape: [1, 6, 7, 2], values: values([1, 6, 7, 2], random) };
      const filter = { shape: [2, 3, 2, 2], values: values([2, 3, 2, 2], random) };
      const padding = pad as "valid";
      differ(
        [x, filter],
        (x, filter) =>
          tf.conv2d(x as tf.Tensor4D, filter as tf.Tensor4D, 1, padding, "NHWC", [3, 2]),
      );
      differ(
        [x, filter],
        (x, filter) =>
          tf.depthwiseConv2d(x as tf.Tensor4D, filter as tf.Tensor4D, 1, padding, "NHWC", [3, 2]),
      );
    }
  });

  it("Dilated convolutions have those gradients with channels first", async () => {
    await start("cpu");
    const random = seeded(5);
    const inputs = [[2, 2, 6, 7], [2, 3, 2, 3]]
      .map((shape) => ({ shape, values: values(shape, random) }));
    const pad = [[0, 0], [0, 0], [1, 0], [2, 1]] as [
      [number, number],
      [number, number],
      [number, number],
      [number, number],
    ];
    await sameOnCpu(
      "channels first",
      inputs,
      (x, filter) => tf.conv2d(x as tf.Tensor4D, filter as tf.Tensor4D, 1, pad, "NCHW", [2, 2]),
      (x, filter) =>
        tf.conv2d(
          x as tf.Tensor4D,
          between(filter as tf.Tensor4D, [2, 2]) as tf.Tensor4D,
          1,
          pad,
          "NCHW",
        ),
    );
  });

  it("Dilated convolutions without dilation use tfjs's own gradient", async () => {
    await start("cpu");
    const gradient = tf.getGradient("DepthwiseConv2dNative");
    const [x, filter] = [tf.ones([1, 3, 3, 1]), tf.ones([2, 2, 1])];
    const attrs = { strides: [1, 1], pad: "valid", dilations: [1, 1] };
    // Only tfjs's looks at the rank.
    assert.throws(() => gradient.gradFunc(x, [x, filter], attrs), /filter must be rank 4/);
    tf.dispose([x, filter]);
  });

  it("Dilated convolutions reject strides combined with dilations, like tfjs", async () => {
    await start("wasm");
    const filter = tf.ones<tf.Rank.R4>([2, 2, 1, 1]);
    const x = tf.ones<tf.Rank.R4>([1, 9, 9, 1]);
    const depthwise = (x: tf.Tensor) =>
      tf.depthwiseConv2d(x as tf.Tensor4D, filter, 2, "valid", "NHWC", 2);
    assert.throws(() => tf.tidy(() => tf.grad(depthwise)(x)), /dilation/);
    tf.dispose([x, filter]);
  });
});

/** Assert that two ways of computing have the same gradients on cpu. */
async function sameOnCpu(
  what: string,
  inputs: Input[],
  compute: Convolve,
  otherwise: Convolve,
): Promise<void> {
  await start("cpu");
  tf.tidy(() => {
    const tensors = inputs.map(({ values, shape }) => tf.tensor(values, shape));
    const [ours, theirs] = [compute, otherwise].map((compute) => {
      const out = (...xs: tf.Tensor[]) => compute(...xs);
      const { shape, size } = out(...tensors);
      const weights = tf.linspace(-1, 1, size).reshape(shape);
      return tf.grads((...xs) => out(...xs).mul(weights).sum())(tensors);
    });
    ours.forEach((gradient, i) =>
      close(gradient.dataSync(), theirs[i].dataSync(), `${what}, gradient of ${i}`)
    );
  });
}

/** Assert that the gradient of squares is what a small step either way shows. */
function differ(inputs: Input[], compute: Convolve): void {
  const loss = (...xs: tf.Tensor[]) => compute(...xs).square().sum();
  const step = 2 ** -6;
  tf.tidy(() => {
    const tensors = inputs.map(({ values, shape }) => tf.tensor(values, shape));
    const gradients = tf.grads(loss)(tensors);
    inputs.forEach(({ values, shape }, which) => {
      const differences = values.map((value, i) => {
        const [above, below] = [value + step, value - step].map((moved) => {
          const changed = tf.tensor(values.with(i, moved), shape);
          return loss(...tensors.with(which, changed)).dataSync()[0];
        });
        return (above - below) / (2 * step);
      });
      // Sums of single precision, so that their difference has few digits.
      const scale = Math.max(...differences.map(Math.abs));
      gradients[which].dataSync().forEach((gradient, i) =>
        assert(
          Math.abs(gradient - differences[i]) < 2e-3 * scale,
          `gradient ${i} of input ${which}: ${gradient}, by difference ${differences[i]}`,
        )
      );
    });
  });
}

/** A filter with zeros between its taps, by operations that have gradients. */
function between(filter: tf.Tensor, dilations: number[]): tf.Tensor {
  return dilations.reduce((spread, dilation, axis) => {
    // tfjs's gradient of a split into one fails.
    if (spread.shape[axis] === 1) return spread;
    const taps = spread.split(spread.shape[axis], axis);
    const zeros = Array.from({ length: dilation - 1 }, () => tf.zeros(taps[0].shape));
    return tf.concat(taps.flatMap((tap, i) => i === 0 ? [tap] : [...zeros, tap]), axis);
  }, filter);
}

function dilated(seed: number) {
  const random = seeded(seed);
  const channels = pick([1, 2, 3, 5], random);
  const x: Shape4D = [
    pick([1, 2, 4], random),
    pick([7, 8, 9], random),
    pick([7, 9, 10], random),
    channels,
  ];
  const filter: Shape4D = [
    pick([1, 2, 3], random),
    pick([1, 2, 3], random),
    channels,
    pick([1, 2, 6], random),
  ];
  const dilations: [number, number] = [pick([2, 3], random), pick([1, 2, 3], random)];
  const pad = pick(
    ["same", "valid", 1, [[0, 0], [1, 0], [2, 3], [0, 0]]] as const,
    random,
  ) as "valid";
  return {
    what: `[${x}] by [${filter}], dilations ${dilations}, padding ${pad}`,
    inputs: [x, filter].map((shape): Input => ({
      shape: [...shape],
      values: values(shape, random),
    })),
    dilations,
    pad,
  };
}
