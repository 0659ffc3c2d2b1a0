/** What the tests of plans share. */
import type * as tfjs from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { compiledParts, penaltiesOf, trainableVariables } from "../compiled.ts";
import { getEngine } from "../engine.ts";
import { forwardPass } from "../forward.ts";
import { seeded, start } from "../kernels/fixtures.ts";
import { type PlanMemory, planMemory } from "./memory.ts";
import { planPrediction } from "./predict_plan.ts";
import { planStep } from "./step_plan.ts";

export { pick, seeded, start } from "../kernels/fixtures.ts";

const tf = await import("@tensorflow/tfjs");

/** The backends that have plans. */
export const planBackends = ["cpu", "wasm"] as const;

/** How a model is compared. */
export interface Comparison {
  /** Sizes of the batches, one after another. Default: 3, 8 and 1. */
  rows?: number[];
  /** Largest difference, relative to the norm. Default: 1e-6. */
  tolerance?: number;
  /** The numbers of an input. Default: between -1 and 1. */
  input?: (shape: number[], random: () => number, index: number) => tfjs.Tensor;
}

/**
 * Assert that a plan's outputs, in training and in inference, and all its gradients are those of
 * TensorFlow.js's tape, on each backend. The loss is the mean squared error of each output; weights
 * and batches are the same in every run.
 *
 * @param make makes the model; it is compiled here
 */
export async function planAgrees(
  what: string,
  make: () => tfjs.LayersModel,
  { rows = [3, 8, 1], tolerance = 1e-6, input = noise }: Comparison = {},
): Promise<void> {
  for (const backend of planBackends) {
    await start(backend);
    const model = make();
    seedWeights(model);
    model.compile({ optimizer: "sgd", loss: "meanSquaredError" });
    const close = closeTo(`${what} on ${backend}`, tolerance);
    try {
      tf.tidy(() => compare(model, rows, input, close));
    } finally {
      model.dispose();
    }
  }
}

type Close = (part: string, own: ArrayLike<number>, theirs: ArrayLike<number>, of?: number) => void;

function compare(
  model: tfjs.LayersModel,
  sizes: number[],
  input: NonNullable<Comparison["input"]>,
  close: Close,
): void {
  const engine = getEngine();
  const memory = (): PlanMemory => {
    const found = planMemory(engine);
    assert(typeof found !== "string", found as string);
    return found;
  };
  const compiled = compiledParts(model, "fit");
  const { network } = compiled;
  const none = () => assert.fail("a custom function is called");
  const step = planStep(engine, compiled, memory(), true, { loss: none, metric: none });
  const prediction = planPrediction(engine, network, memory());
  const pass = forwardPass(engine, network);
  const random = seeded(7);
  const shapeOf = ({ shape }: tfjs.SymbolicTensor, size: number) =>
    [size, ...shape.slice(1)] as number[];
  try {
    for (const size of sizes) {
      const xs = network.inputs.map((one, i) => input(shapeOf(one, size), random, i));
      // Far from any output, so that rounding is not all of a difference.
      const ys = network.outputs.map((one) => noise(shapeOf(one, size), random).add(3));
      const predicted = prediction.compute(xs);
      pass(xs, false).tensors.forEach((theirs, i) =>
        close(`output ${i} of ${size} rows`, predicted[i].dataSync(), theirs.dataSync())
      );

      const own = step.rehearse({ xs, ys, weights: ys.map(() => undefined), size });
      let outputs: Float32Array[] = [];
      const { value, grads } = tf.variableGrads(() => {
        const { tensors } = pass(xs, true);
        outputs = tensors.map((tensor) => tensor.dataSync() as Float32Array);
        const losses = tensors.map((tensor, i) => tensor.sub(ys[i]).square().mean());
        return [...losses, ...penaltiesOf(network)].reduce((a, b) => a.add(b)) as tfjs.Scalar;
      }, trainableVariables(network));
      outputs.forEach((theirs, i) =>
        close(`output ${i} in training, ${size} rows`, own.outputs[i].values, theirs)
      );
      close("the loss", [own.values[0]], value.dataSync());
      const all = Object.values(grads).map((one) => normOf(one.dataSync()));
      for (const { name, tensor } of own.gradients) {
        const part = `the gradient of ${name}, ${size} rows`;
        close(part, tensor.dataSync(), grads[name].dataSync(), Math.max(...all) / 10);
      }
    }
  } finally {
    step.dispose();
    prediction.dispose();
  }
}

/** Numbers between -1 and 1. */
function noise(shape: number[], random: () => number): tfjs.Tensor {
  const size = shape.reduce((a, b) => a * b, 1);
  return tf.tensor(Float32Array.from({ length: size }, () => random() * 2 - 1), shape);
}

/** Give a model weights that are the same in every run; variances stay positive. */
export function seedWeights(model: tfjs.LayersModel): void {
  const random = seeded(3);
  tf.tidy(() =>
    model.setWeights(model.weights.map(({ shape, originalName }) => {
      const values = noise(shape as number[], random);
      return originalName.endsWith("variance") ? values.abs().add(0.5) : values;
    }))
  );
}

/**
 * Makes the assertion of a tolerance relative to the norm, or to `of` where that is larger: a
 * gradient that cancels out is nothing but rounding.
 */
function closeTo(what: string, tolerance: number): Close {
  return (part, own, theirs, of = 0) => {
    assert.equal(own.length, theirs.length, `${what}: ${part}`);
    let difference = 0;
    for (let i = 0; i < own.length; i++) difference += (own[i] - theirs[i]) ** 2;
    const relative = Math.sqrt(difference) / Math.max(normOf(theirs), of, 1e-30);
    assert(relative <= tolerance, `${what}: ${part} differs by ${relative} of its norm`);
  };
}

function normOf(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i] ** 2;
  return Math.sqrt(sum);
}
