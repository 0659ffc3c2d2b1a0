/**
 * Compares the steps of `fit`, `evaluate` and `predict` with those of TensorFlow.js on the same
 * kernels, alternating in one process. The figures are medians of ratios: processor time, and wall
 * time in brackets. Below 1, keepfit is faster.
 *
 * ```sh
 * npm run bench:steps              # or: deno run -A bench/steps.ts; bun bench/steps.ts
 * npm run bench:steps -- stack     # only rows whose name contains the text
 * ```
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import process from "node:process";
import * as tf from "@tensorflow/tfjs";
import { evaluate, fit, predict } from "keepfit";
import { getRuntime, useBackend } from "keepfit/runtime";
import { convnet, data, lstm, perceptron } from "./networks.ts";
import { inTurns, measure } from "./pair.ts";
import { stack } from "./stack.ts";

type Backend = "cpu" | "wasm";

interface Comparison {
  name: string;
  backends: Backend[];
  /** The two sides on a backend. */
  make(backend: Backend): Promise<{ ours(): Promise<unknown>; theirs(): Promise<unknown> }>;
}

const options = { batchSize: 32, epochs: 3 };

class Doubled extends tf.layers.Layer {
  static className = "Doubled";
  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return tf.tidy(() => [inputs].flat()[0].mul(2));
  }
  override computeOutputShape(shape: tf.Shape): tf.Shape {
    return shape;
  }
}

const folder = await mkdtemp(`${tmpdir()}/keepfit-steps-`);
const both: Backend[] = ["cpu", "wasm"];
const comparisons: Comparison[] = [];

function training(
  name: string,
  backends: Backend[],
  make: () => tf.LayersModel,
  rowsOf: (backend: Backend) => number,
  own: () => object = () => ({ verbose: 0 }),
): void {
  comparisons.push({
    name,
    backends,
    make: async (backend) => {
      const [a, b] = [make(), make()];
      const [x, y] = data(a, rowsOf(backend));
      return {
        ours: () => fit(a, x, y, { ...options, ...own() }),
        theirs: () => b.fit(x, y, { ...options, verbose: 0 }),
      };
    },
  });
}

for (
  const [letter, name, own] of [["a", "full stack", () => stack(folder)], [
    "b",
    "no callbacks",
    () => ({ verbose: 0 }),
  ]] as const
) {
  for (const sizes of [[8, 16, 1], [32, 64, 1]]) {
    for (const optimizer of ["sgd", "rmsprop", "adam"]) {
      training(
        `${letter} ${name}, ${sizes.join("-")} ${optimizer} / bare tfjs fit`,
        both,
        () => perceptron(sizes, optimizer),
        () => 2048,
        own,
      );
    }
  }
}
const mnist = [784, 128, 10];
const few = (backend: Backend) => backend === "cpu" ? 128 : 2048;
training(
  "c 784-128-10 adam / bare tfjs fit",
  both,
  () => perceptron(mnist),
  few,
);
training(
  "d small convnet / tfjs fit, same kernels",
  ["wasm"],
  () => convnet(),
  () => 512,
);
training(
  "d LSTM 28 x 28, 64 units / tfjs fit",
  ["wasm"],
  () => lstm(),
  () => 512,
);
training(
  "e a custom layer, 32-64-1 adam / tfjs fit",
  both,
  () => perceptron([32, 64, 1], "adam", [new Doubled({})]),
  () => 2048,
);
for (
  const [name, make] of [["784-128-10", () => perceptron(mnist)], ["convnet", convnet]] as const
) {
  const backends: Backend[] = name === "convnet" ? ["wasm"] : both;
  comparisons.push({
    name: `l evaluate ${name} / tfjs evaluate`,
    backends,
    make: async (backend) => {
      const model = make();
      const [x, y] = data(model, few(backend));
      return {
        ours: () => evaluate(model, x, y, { batchSize: 32, verbose: 0 }),
        theirs: () => Promise.resolve(tf.dispose(model.evaluate(x, y, { batchSize: 32 }))),
      };
    },
  }, {
    name: `l predict ${name} / tfjs predict`,
    backends,
    make: async (backend) => {
      const model = make();
      const [x] = data(model, few(backend));
      return {
        ours: async () => tf.dispose(await predict(model, x, { batchSize: 32, verbose: 0 })),
        theirs: () => Promise.resolve(tf.dispose(model.predict(x, { batchSize: 32 }))),
      };
    },
  });
}

const rounds = 7;
const { name: runtime, version } = getRuntime();
const only = process.argv[2] ?? "";
console.log(
  `${runtime} ${version}, tfjs ${tf.version_core}; processor time (wall time), ${rounds} rounds`,
);
const ratios = new Map<string, number[]>();
for (const backend of both) {
  await useBackend(tf, backend);
  for (const { name, backends, make } of comparisons) {
    if (!backends.includes(backend) || !name.includes(only)) continue;
    const { ours, theirs } = await make(backend);
    const [a, b] = await inTurns([() => measure(ours), () => measure(theirs)], rounds);
    const [cpu, wall] = [a.cpu / b.cpu, a.wall / b.wall];
    ratios.set(name[0], [...ratios.get(name[0]) ?? [], cpu]);
    console.log(
      `${cpu.toPrecision(2).padStart(7)} (${wall.toPrecision(2)})  ${backend.padEnd(5)} ${name}`,
    );
  }
}
for (const letter of ["a", "b"]) {
  const all = ratios.get(letter);
  if (all === undefined) continue;
  const mean = Math.exp(all.reduce((sum, one) => sum + Math.log(one), 0) / all.length);
  console.log(
    `${mean.toPrecision(2).padStart(7)}  ${letter}, geometric mean; the largest ${
      Math.max(...all).toPrecision(2)
    }`,
  );
}
await rm(folder, { recursive: true });
process.exit(0);
