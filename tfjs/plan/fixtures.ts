/** Shared by the tests of plans. */
import type * as tfjs from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { compiledParts } from "../compiled.ts";
import { networkOf, penaltiesOf } from "../network.ts";
import { trainableVariables, trainableWeights } from "../trained_weights.ts";
import { type Engine, getEngine } from "../engine.ts";
import { forwardPass } from "../forward.ts";
import { seeded, start } from "../kernels/fixtures.ts";
import { correctResizing } from "../correct_resizing.ts";
import { drawingFrom } from "../random_seed.ts";
import type { LayerVariable } from "./graph.ts";
import { PlanError } from "./plan_error.ts";
import { type PlanMemory, planMemory } from "./memory.ts";
import { planLayers } from "./plan.ts";
import { planPrediction } from "./predict_plan.ts";
import { type PlanBatch, planStep } from "./step_plan.ts";

export { pick, seeded, start } from "../kernels/fixtures.ts";

const tf = await import("@tensorflow/tfjs");

/** A backend that supports plans. */
type PlanBackend = "cpu" | "wasm";

/** Options of a comparison. */
export interface Comparison {
  /** Backends of the plans; the tape runs on the first. Default: cpu and wasm. */
  backends?: PlanBackend[];
  /** Sizes of consecutive batches. Default: 3, 8 and 1. */
  rows?: number[];
  /** Largest difference relative to the norm. Default: 1e-6. */
  tolerance?: number;
  /** Creates an input. Default: values between -1 and 1. */
  input?: (shape: number[], random: () => number, index: number) => tfjs.Tensor;
}

/**
 * Assert that a plan matches TensorFlow.js on each backend: its outputs in training and in
 * inference, its loss and all its gradients. The reference is the tape on cpu, which adds up in
 * float64. The loss is the mean squared error of each output. Weights and batches are the same in
 * every run.
 *
 * @param make creates the model, which is compiled here
 */
export async function planAgrees(
  what: string,
  make: () => tfjs.LayersModel,
  { backends = ["cpu", "wasm"], rows = [3, 8, 1], tolerance = 1e-6, input = noise }: Comparison =
    {},
): Promise<void> {
  const stepsOn = async (
    backend: PlanBackend,
    stepsOf: (model: tfjs.LayersModel) => Steps,
  ): Promise<Result[]> => {
    await start(backend);
    correctResizing();
    const model = make();
    seedWeights(model);
    model.compile({ optimizer: "sgd", loss: "meanSquaredError" });
    const steps = stepsOf(model);
    const random = seeded(7);
    const shapeOf = ({ shape }: tfjs.SymbolicTensor, size: number) =>
      [size, ...shape.slice(1)] as number[];
    try {
      return rows.map((size) => {
        let result: Result | undefined;
        tf.tidy(() => {
          const xs = model.inputs.map((one, i) => input(shapeOf(one, size), random, i));
          // Far from any output, so that differences exceed rounding errors.
          const ys = model.outputs.map((one) => noise(shapeOf(one, size), random).add(3));
          const batch = { xs, ys, weights: ys.map(() => undefined), size };
          result = drawingFrom(getEngine(), 5, size, () => steps.run(batch));
        });
        return result as Result;
      });
    } finally {
      steps.dispose();
      model.dispose();
    }
  };
  const theirs = await stepsOn(backends[0], tapeSteps);
  for (const backend of backends) {
    const own = await stepsOn(backend, planSteps);
    own.forEach((result, i) => {
      const close = closeTo(`${what} on ${backend}, ${rows[i]} rows`, tolerance);
      const largest = Math.max(...theirs[i].gradients.map(normOf)) / 10;
      for (const part of ["predictions", "outputs", "loss", "gradients"] as const) {
        result[part].forEach((values, n) =>
          close(`${part} ${n}`, values, theirs[i][part][n], part === "gradients" ? largest : 0)
        );
      }
    });
  }
}

/** Results of a step. */
interface Result {
  /** Outputs in inference. */
  predictions: ArrayLike<number>[];
  /** Outputs in training. */
  outputs: ArrayLike<number>[];
  loss: [ArrayLike<number>];
  /** Gradients of the trained weights. */
  gradients: ArrayLike<number>[];
}

interface Steps {
  run(batch: PlanBatch): Result;
  dispose(): void;
}

const copyOf = (tensor: tfjs.Tensor) => tensor.dataSync().slice();

function tapeSteps(model: tfjs.LayersModel): Steps {
  const { network } = compiledParts(model, "fit");
  const pass = forwardPass(getEngine(), network);
  return {
    run({ xs, ys }) {
      const predictions = pass(xs, false).tensors.map(copyOf);
      let outputs: ArrayLike<number>[] = [];
      const { value, grads } = tf.variableGrads(() => {
        const { tensors } = pass(xs, true);
        outputs = tensors.map(copyOf);
        const losses = tensors.map((tensor, i) => tensor.sub(ys[i]).square().mean());
        return [...losses, ...penaltiesOf(network)].reduce((a, b) => a.add(b)) as tfjs.Scalar;
      }, trainableVariables(network));
      const gradients = trainableVariables(network).map(({ name }) => copyOf(grads[name]));
      return { predictions, outputs, loss: [copyOf(value)], gradients };
    },
    dispose() {},
  };
}

function planSteps(model: tfjs.LayersModel): Steps {
  const engine = getEngine();
  const compiled = compiledParts(model, "fit");
  const none = () => assert.fail("a custom function is called");
  const custom = { loss: none, metric: none };
  const step = planStep(engine, compiled, memoryOf(engine), true, custom);
  const prediction = planPrediction(engine, compiled.network, memoryOf(engine));
  return {
    run(batch) {
      const predictions = prediction.compute(batch.xs).map(copyOf);
      const { outputs, values: [loss], gradients } = step.computeWithDetails(batch);
      step.commit();
      return {
        predictions,
        outputs: outputs.map(({ values }) => values),
        loss: [[loss]],
        gradients: gradients.map(({ tensor }) => copyOf(tensor)),
      };
    },
    dispose() {
      step.dispose();
      prediction.dispose();
    },
  };
}

/** A memory for one plan. */
function memoryOf(engine: Engine): PlanMemory {
  const memory = planMemory(engine);
  assert(typeof memory !== "string", memory as string);
  return memory;
}

/** Creates a model with trained layers below and above a layer. */
export function around(
  inputShape: number[],
  layer: () => tfjs.layers.Layer,
): () => tfjs.LayersModel {
  const { layers } = tf;
  return () =>
    tf.sequential({
      layers: [
        layers.dense({ inputShape, units: inputShape.at(-1)! }),
        layer(),
        layers.dense({ units: 2, activation: "tanh" }),
      ],
    });
}

/** Assert that planning a model's training on cpu throws a reason that matches. */
export async function planThrows(make: () => tfjs.LayersModel, reason: RegExp): Promise<void> {
  await start("cpu");
  const engine = getEngine();
  const model = make();
  const trained = trainableWeights(model) as unknown as LayerVariable[];
  assert.throws(
    () => planLayers(networkOf(model, "fit"), memoryOf(engine), trained.map(({ id }) => id)),
    (error: Error) => error instanceof PlanError && reason.test(error.message),
  );
  model.dispose();
}

type Close = (part: string, own: ArrayLike<number>, theirs: ArrayLike<number>, of: number) => void;

/** Values between -1 and 1. */
function noise(shape: number[], random: () => number): tfjs.Tensor {
  const size = shape.reduce((a, b) => a * b, 1);
  return tf.tensor(Float32Array.from({ length: size }, () => random() * 2 - 1), shape);
}

/**
 * Set weights that are the same in every run. Products keep the magnitude of their inputs;
 * variances are positive.
 */
export function seedWeights(model: tfjs.LayersModel): void {
  const random = seeded(3);
  tf.tidy(() =>
    model.setWeights(model.weights.map(({ shape, originalName }) => {
      const values = noise(shape as number[], random);
      if (originalName.endsWith("variance")) return values.abs().add(0.5);
      return values.mul(Math.sqrt(3 * Math.max(1, shape.at(-1)!) / Math.max(3, values.size)));
    }))
  );
}

/**
 * Create an assertion of a tolerance relative to the norm, or to `of` if that is larger: a gradient
 * that cancels out consists of rounding errors.
 */
function closeTo(what: string, tolerance: number): Close {
  return (part, own, theirs, of) => {
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
