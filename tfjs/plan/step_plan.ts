import type * as tf from "@tensorflow/tfjs";
import { type Compiled, trainableWeights } from "../compiled.ts";
import type { Engine } from "../engine.ts";
import { type NoiseSource, stepOfRun } from "../random_seed.ts";
import { type LayerVariable, NotPlanned, type Weight } from "./builder.ts";
import type { BlockTensor, PlanMemory } from "./memory.ts";
import { penaltiesOfStep } from "./penalties.ts";
import { feed, feedWeights, fits, planLayers } from "./plan.ts";
import { planOutputs } from "./step_outputs.ts";

/** The tensors of a batch. */
export interface PlanBatch {
  xs: tf.Tensor[];
  ys: tf.Tensor[];
  weights: (tf.Tensor | undefined)[];
  size: number;
}

/** What TensorFlow.js computes where a plan does not. */
export interface Customs {
  /** Loss of an output. */
  loss(output: number, prediction: tf.Tensor, batch: PlanBatch, mask?: tf.Tensor): tf.Scalar;
  /** A metric of an output: its mean, or its sums. */
  metric(index: number, prediction: tf.Tensor, batch: PlanBatch, mask?: tf.Tensor): tf.Tensor;
}

/** A training step without its update, or an evaluation step, as a fixed list of kernel calls. */
export interface StepPlan {
  /** Whether it can compute this batch. */
  accepts(batch: PlanBatch): boolean;
  /** Compute losses, metrics and, in training, gradients. The model is not changed. */
  compute(batch: PlanBatch): Computed;
  /** As `compute`, with what a comparison needs. */
  rehearse(batch: PlanBatch): Rehearsed;
  /** Change what layers keep from the last batch, such as moving averages. */
  commit(): void;
  /** Release its memory. */
  dispose(): void;
}

/** Results of a step; valid until the next one. */
export interface Computed {
  /** The total loss, the losses if there are several, the metrics. */
  values: number[];
  /** How many of the values each measure has. */
  sizes: number[];
  /** The gradients of the trained weights, by variable. They are the plan's own. */
  gradients: { name: string; tensor: tf.Tensor }[];
}

/** Results of a step and how it came to them; copies. */
export interface Rehearsed extends Computed {
  outputs: RehearsedOutput[];
  /** Of each metric, whether a kernel computed it. */
  metricsByKernel: boolean[];
}

/** An output of a step. */
export interface RehearsedOutput {
  values: Float32Array;
  loss: number;
  /** Whether a kernel computed the loss. */
  isByKernel: boolean;
  /** The gradient of the loss by the output; undefined in an evaluation. */
  gradient: Float32Array | undefined;
}

/**
 * Plan the step of a model.
 *
 * @param noise who draws the random numbers of dropout and noise layers
 * @throws NotPlanned when it has a layer that is not compiled
 */
export function planStep(
  engine: Engine,
  compiled: Compiled,
  memory: PlanMemory,
  isTraining: boolean,
  customs: Customs,
  noise: NoiseSource = "keepfit",
): StepPlan {
  const { network } = compiled;
  const trained = isTraining ? trainableWeights(network) as unknown as LayerVariable[] : [];
  const stepOf = noise === "keepfit" ? () => stepOfRun(engine) : undefined;
  const ids = isTraining ? trained.map(({ id }) => id) : undefined;
  const plan = planLayers(network, memory, ids, stepOf);
  const { builder, arena, inputs, operations } = plan;

  const measured = planOutputs(engine, compiled, plan, customs);
  const backward = operations.map(({ backward }) => backward)
    .filter((run) => run !== undefined)
    .toReversed();
  const commits = operations.map(({ commit }) => commit).filter((run) => run !== undefined);
  const weights = builder.weights;
  const gradients = gradientTensors(memory, weights, trained);
  const computed: Computed = { values: [], sizes: [], gradients };
  const penalize = penaltiesOfStep(engine, network, memory, weights, isTraining);

  /** Bring everything that a batch needs; false when memory has to be reserved first. */
  const bring = (batch: PlanBatch): boolean => {
    feedWeights(memory, weights);
    let isReady = true;
    inputs.forEach(({ data }, i) => isReady = feed(memory, batch.xs[i], data) && isReady);
    return measured.bring(batch) && isReady;
  };
  const reserve = (rows: number): void => {
    if (arena.reserve(rows)) { for (const one of gradients) one.moved(); }
  };

  /** @param seen is given what the outputs are, if it is there */
  const run = (batch: PlanBatch, seen?: RehearsedOutput[]): Computed => {
    const { size: rows } = batch;
    reserve(rows);
    if (!bring(batch)) {
      arena.invalidate();
      reserve(rows);
      bring(batch);
    }
    for (const { forward } of operations) forward(rows);
    const losses = measured.losses(rows, batch);
    if (seen !== undefined) seen.push(...measured.copies(rows, losses));
    let total = 0;
    for (const loss of losses) total += loss;
    measured.joinGradients(rows);
    for (const differentiate of backward) differentiate(rows);
    builder.sumWeightGradients();
    total += penalize?.() ?? 0;
    measured.measure(rows, batch, computed, total, losses);
    return computed;
  };

  return {
    accepts: ({ xs, ys, weights }) =>
      (!builder.draws || stepOfRun(engine) !== undefined) &&
      inputs.every((input, i) => fits(xs[i], input)) &&
      measured.accepts({ xs, ys, weights }),
    compute: (batch) => run(batch),
    rehearse(batch) {
      const seen: RehearsedOutput[] = [];
      const { values, sizes, gradients } = run(batch, seen);
      return {
        values: values.slice(),
        sizes: sizes.slice(),
        gradients,
        outputs: seen,
        metricsByKernel: measured.metricsByKernel,
      };
    },
    commit() {
      for (const run of commits) run();
    },
    dispose() {
      arena.free();
      for (const { tensor } of gradients) tensor.dispose();
    },
  };
}

type Gradient = { name: string } & BlockTensor;

function gradientTensors(
  memory: PlanMemory,
  weights: readonly Weight[],
  trained: readonly LayerVariable[],
): Gradient[] {
  const found = trained.map((one) => {
    const variable = one.read();
    const gradient = weights.find((known) => known.variable() === variable)?.gradient;
    if (gradient === undefined) {
      throw new NotPlanned(`no compiled layer reads the weight ${variable.name}`);
    }
    return { variable, gradient };
  });
  // Not before all are found: each is a tensor that has to be disposed.
  return found.map(({ variable: { name, shape }, gradient }) => ({
    name,
    ...memory.tensorOf(gradient, shape),
  }));
}
