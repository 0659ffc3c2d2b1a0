import type * as tf from "@tensorflow/tfjs";
import type { Compiled } from "../compiled.ts";
import type { Engine } from "../engine.ts";
import { type NoiseSource, stepOfRun } from "../random_seed.ts";
import { trainableWeights } from "../trained_weights.ts";
import type { LayerVariable, Weight } from "./graph.ts";
import type { BlockTensor, PlanMemory } from "./memory.ts";
import { penaltiesOfStep } from "./penalties.ts";
import { feedInputs, feedWeights, type HostRows, planLayers, shapeError } from "./plan.ts";
import { PlanError } from "./plan_error.ts";
import { planOutputs } from "./step_outputs.ts";

/** The data of a batch. */
export interface PlanBatch {
  readonly xs: tf.Tensor[];
  readonly ys: tf.Tensor[];
  /** Weights of the rows for each output's loss; undefined for an output without weights. */
  readonly weights: (tf.Tensor | undefined)[];
  /** Number of rows. */
  readonly size: number;
  /**
   * The same data without tensors, if it is on the host. The tensors are then created only when
   * they are read.
   */
  readonly rows?: {
    readonly xs: HostRows[];
    readonly ys: HostRows[];
    readonly weights: (HostRows | undefined)[];
  };
}

/** Losses and metrics without a kernel, computed by TensorFlow.js. */
export interface Fallbacks {
  /** Loss of an output. */
  loss(output: number, prediction: tf.Tensor, batch: PlanBatch, mask?: tf.Tensor): tf.Scalar;
  /** A metric of an output: its mean, or the sums of a ratio. */
  metric(index: number, prediction: tf.Tensor, batch: PlanBatch, mask?: tf.Tensor): tf.Tensor;
}

/** A training step without its update, or an evaluation step, as a fixed list of kernel calls. */
export interface StepPlan {
  /** Whether a step calls functions of {@linkcode Fallbacks}. */
  readonly callsFallbacks: boolean;
  /** Reason why the plan cannot compute a batch; undefined if it can. */
  rejection(batch: PlanBatch): string | undefined;
  /** Compute losses, metrics and, in training, gradients. Does not change the model. */
  compute(batch: PlanBatch): StepResults;
  /** As {@linkcode compute}, with the details that a comparison needs. */
  computeWithDetails(batch: PlanBatch): DetailedResults;
  /** Update the state of layers, such as moving averages, after the batch. */
  commit(): void;
  /** Release the plan's memory. */
  dispose(): void;
}

/** Results of a step, valid until the next one. */
export interface StepResults {
  /** Total loss, loss of each output if there are several, metrics. */
  values: number[];
  /** Number of `values` of each loss and metric. */
  sizes: number[];
  /** Gradients of the trained weights, by name of the variable. Owned by the plan. */
  gradients: { name: string; tensor: tf.Tensor }[];
}

/** Results of a step with copies of its outputs. */
export interface DetailedResults extends StepResults {
  outputs: OutputDetails[];
  /** For each metric, whether a kernel computes it. */
  hasMetricKernel: boolean[];
}

/** Details of an output of the model. */
export interface OutputDetails {
  values: Float32Array;
  loss: number;
  /** Whether a kernel computes the loss. */
  hasLossKernel: boolean;
  /**
   * Gradient of the loss with respect to the output; undefined in evaluation, and for a custom loss
   * that does not depend on the output.
   */
  gradient: Float32Array | undefined;
}

/**
 * Plan the step of a model.
 *
 * @param noise source of the random numbers of dropout and noise layers. Default: "keepfit"
 * @throws PlanError when a layer or its configuration is not supported
 */
export function planStep(
  engine: Engine,
  compiled: Compiled,
  memory: PlanMemory,
  isTraining: boolean,
  fallbacks: Fallbacks,
  noise: NoiseSource = "keepfit",
): StepPlan {
  const { network } = compiled;
  const trained = isTraining ? trainableWeights(network) as unknown as LayerVariable[] : [];
  const currentStep = noise === "keepfit" ? () => stepOfRun(engine) : undefined;
  const ids = isTraining ? trained.map(({ id }) => id) : undefined;
  const plan = planLayers(network, memory, ids, currentStep);
  const { builder, arena, inputs, operations } = plan;

  const { weights } = builder;
  const penalize = penaltiesOfStep(engine, network, memory, weights, isTraining);
  const hasPenalties = penalize !== undefined;
  const stepOutputs = planOutputs(engine, compiled, plan, fallbacks, hasPenalties);
  const backward = operations.map(({ backward }) => backward)
    .filter((run) => run !== undefined)
    .toReversed();
  const commits = operations.map(({ commit }) => commit).filter((run) => run !== undefined);
  const gradients = gradientTensors(memory, weights, trained);
  const computed: StepResults = { values: [], sizes: [], gradients };

  /** Feed the weights and the batch; false when memory has to be reserved first. */
  const feedBatch = (batch: PlanBatch): boolean => {
    feedWeights(memory, weights);
    const areReady = feedInputs(memory, (batch.rows ?? batch).xs, inputs);
    return stepOutputs.feed(batch) && areReady;
  };
  const reserve = (rows: number): void => {
    if (arena.reserve(rows)) { for (const one of gradients) one.rebind(); }
  };

  /** @param details receives the details of each output, if given */
  const run = (batch: PlanBatch, details?: OutputDetails[]): StepResults => {
    const { size: rows } = batch;
    reserve(rows);
    while (!feedBatch(batch)) {
      arena.invalidate();
      reserve(rows);
    }
    for (let i = 0; i < operations.length; i++) operations[i].forward(rows);
    const losses = stepOutputs.computeLosses(rows, batch);
    if (details !== undefined) details.push(...stepOutputs.details(rows, losses));
    let total = 0;
    for (const loss of losses) total += loss;
    stepOutputs.sumGradients(rows);
    for (const differentiate of backward) differentiate(rows);
    builder.sumWeightGradients();
    total += penalize?.() ?? 0;
    stepOutputs.writeResults(rows, batch, computed, total, losses);
    return computed;
  };

  return {
    callsFallbacks: stepOutputs.callsFallbacks,
    rejection: (batch) =>
      builder.usesNoise && stepOfRun(engine) === undefined
        ? "TensorFlow.js draws the random numbers of dropout and noise"
        : shapeError("an input", (batch.rows ?? batch).xs, inputs) ?? stepOutputs.rejection(batch),
    compute: (batch) => run(batch),
    computeWithDetails(batch) {
      const details: OutputDetails[] = [];
      const { values, sizes, gradients } = run(batch, details);
      return {
        values: values.slice(),
        sizes: sizes.slice(),
        gradients,
        outputs: details,
        hasMetricKernel: stepOutputs.hasMetricKernel,
      };
    },
    commit() {
      for (const run of commits) run();
    },
    dispose() {
      for (const { tensor } of gradients) tensor.dispose();
      arena.free();
      memory.release();
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
      throw new PlanError(`no compiled layer reads the weight ${variable.name}`);
    }
    return { variable, gradient };
  });
  // Created after all are found, because tensors created before an error would leak.
  return found.map(({ variable: { name, shape }, gradient }) => ({
    name,
    ...memory.tensorOf(gradient, shape),
  }));
}
