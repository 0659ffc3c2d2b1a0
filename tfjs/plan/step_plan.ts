import type * as tf from "@tensorflow/tfjs";
import { type Compiled, penaltiesOf, trainableWeights } from "../compiled.ts";
import type { Engine } from "../engine.ts";
import { type NoiseSource, stepOfRun } from "../random_seed.ts";
import { Block, type LayerVariable, NotPlanned, type Weight } from "./builder.ts";
import type { AccuracyKernel, LossKernel } from "./kernels.ts";
import { lossKernelOf, metricKernelOf } from "./measures.ts";
import type { BlockTensor, PlanMemory } from "./memory.ts";
import { feed, feedWeights, fits, planLayers, toTensor } from "./plan.ts";

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

interface PlannedOutput {
  kernel: LossKernel | undefined;
  targets: Block;
  /** Whether a kernel reads the targets: that of the loss, or of a metric. */
  readsTargets: boolean;
  /** Shape of a row of the targets that the kernels take. */
  targetShape: readonly number[];
  weights: Block;
  /** Weights of the steps that the output's mask leaves; undefined without one. */
  stepWeights: Block | undefined;
  gradient: Block | undefined;
  positions: number;
  columns: number;
}

interface PlannedMetric {
  kernel: AccuracyKernel | undefined;
  output: number;
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
  const { network, lossNames } = compiled;
  const trained = isTraining ? trainableWeights(network) as unknown as LayerVariable[] : [];
  const stepOf = noise === "keepfit" ? () => stepOfRun(engine) : undefined;
  const ids = isTraining ? trained.map(({ id }) => id) : undefined;
  const plan = planLayers(network, memory, ids, stepOf);
  const { builder, arena, inputs, operations, outputs } = plan;

  const metrics = compiled.metrics.map((metric): PlannedMetric => ({
    // The means of masked outputs have weights.
    kernel: outputs[metric.output].mask === undefined
      ? metricKernelOf(memory.kernels, compiled, metric)
      : undefined,
    output: metric.output,
  }));
  const planned = outputs.map((output, i): PlannedOutput => {
    const columns = output.shape.at(-1) ?? 1;
    const { mask } = output;
    if (mask !== undefined && mask.size !== output.size / columns) {
      throw new NotPlanned("the mask of an output has other steps than its loss");
    }
    const isSparse = lossNames[i] === "sparseCategoricalCrossentropy";
    const kernel = lossKernelOf(memory.kernels, lossNames[i]);
    return {
      kernel,
      readsTargets: kernel !== undefined ||
        metrics.some((metric) => metric.output === i && metric.kernel !== undefined),
      targets: feedBlock(builder.perRow(isSparse ? output.size / columns : output.size), memory),
      targetShape: isSparse ? [...output.shape.slice(0, -1), 1] : output.shape,
      weights: feedBlock(builder.perRow(1), memory),
      stepWeights: mask && builder.perRow(mask.size),
      gradient: builder.gradientOf(output),
      positions: output.size / columns,
      columns,
    };
  });
  // A value that is an output twice has two gradients.
  const joined = builder.finish({ forward() {}, backward() {} });
  const backward = operations.map(({ backward }) => backward)
    .filter((run) => run !== undefined)
    .toReversed();
  const commits = operations.map(({ commit }) => commit).filter((run) => run !== undefined);
  const weights = builder.weights;
  const gradients = gradientTensors(memory, weights, trained);
  const computed: Computed = { values: [], sizes: [], gradients };
  let hasPenalties = false;
  engine.tidy(() => {
    hasPenalties = penaltiesOf(network).length > 0;
  });

  /** Bring everything that a batch needs; false when memory has to be reserved first. */
  const bring = ({ xs, ys, weights: rowWeights }: PlanBatch): boolean => {
    feedWeights(memory, weights);
    let isReady = true;
    inputs.forEach(({ data }, i) => isReady = feed(memory, xs[i], data) && isReady);
    planned.forEach(({ readsTargets, targets, weights }, i) => {
      if (readsTargets) isReady = feed(memory, ys[i], targets) && isReady;
      if (rowWeights[i] === undefined) weights.at = 0;
      else isReady = feed(memory, rowWeights[i], weights) && isReady;
    });
    return isReady;
  };
  const reserve = (rows: number): void => {
    if (arena.reserve(rows)) { for (const one of gradients) one.moved(); }
  };

  const maskOf = (i: number, rows: number): tf.Tensor | undefined => {
    const { mask } = outputs[i];
    return mask && toTensor(engine, memory, mask, [rows, mask.size]);
  };
  const lossOf = (i: number, rows: number, batch: PlanBatch): number => {
    const { kernel, targets, weights, stepWeights, gradient, positions, columns } = planned[i];
    const { data, mask } = outputs[i];
    if (kernel !== undefined) {
      const all = rows * positions;
      const d = gradient?.at ?? 0;
      if (mask !== undefined && stepWeights !== undefined) {
        memory.kernels.maskWeights(all, mask.at, weights.at, stepWeights.at);
      }
      const { at } = stepWeights ?? weights;
      return kernel(all, columns, data.at, targets.at, at, d, 1 / all) / all;
    }
    return engine.tidy(() => {
      const prediction = toTensor(engine, memory, data, [rows, ...outputs[i].shape]);
      const mask = maskOf(i, rows);
      if (gradient === undefined) return customs.loss(i, prediction, batch, mask).dataSync()[0];
      const differentiate = (engine as unknown as Differentiating).gradients;
      const { value, grads } = differentiate.call(
        engine,
        () => customs.loss(i, prediction, batch, mask),
        [prediction],
      );
      memory.floats().set(grads[0].dataSync(), gradient.at >> 2);
      return value.dataSync()[0];
    }) as unknown as number;
  };

  const measure = (rows: number, batch: PlanBatch, total: number, losses: number[]): void => {
    const { values, sizes } = computed;
    values.length = sizes.length = 0;
    const push = (...numbers: number[]) => {
      values.push(...numbers);
      sizes.push(numbers.length);
    };
    push(total);
    if (losses.length > 1) { for (const loss of losses) push(loss); }
    metrics.forEach(({ kernel, output }, index) => {
      const { positions, columns, targets } = planned[output];
      const { data, shape } = outputs[output];
      const all = rows * positions;
      if (kernel !== undefined) return push(kernel(all, columns, data.at, targets.at) / all);
      engine.tidy(() => {
        const prediction = toTensor(engine, memory, data, [rows, ...shape]);
        push(...customs.metric(index, prediction, batch, maskOf(output, rows)).dataSync());
      });
    });
  };

  const penalize = (): number => {
    let sum = 0;
    engine.tidy(() => {
      if (!isTraining) {
        for (const penalty of penaltiesOf(network)) sum += penalty.dataSync()[0];
        return;
      }
      const trainedOnes = weights.filter(({ gradient }) => gradient !== undefined);
      const variables = trainedOnes.map(({ variable }) => variable());
      const total = () => penaltiesOf(network).reduce((all, one) => all.add(one));
      const { gradients: differentiate } = engine as unknown as Differentiating;
      const { value, grads } = differentiate.call(engine, total, variables, undefined, true);
      sum = value.dataSync()[0];
      trainedOnes.forEach(({ gradient, size }, i) => {
        if (grads[i] === null || grads[i] === undefined) return;
        const added = grads[i].dataSync();
        const at = (gradient as Block).at >> 2;
        const all = memory.floats();
        for (let j = 0; j < size; j++) all[at + j] += added[j];
      });
    });
    return sum;
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
    const losses = outputs.map((_, i) => lossOf(i, rows, batch));
    if (seen !== undefined) {
      outputs.forEach(({ data, size }, i) => {
        const { kernel, gradient } = planned[i];
        const copy = ({ at }: Block) => memory.floats().slice(at >> 2, (at >> 2) + rows * size);
        seen.push({
          values: copy(data),
          loss: losses[i],
          isByKernel: kernel !== undefined,
          gradient: gradient && copy(gradient),
        });
      });
    }
    let total = 0;
    for (const loss of losses) total += loss;
    joined.backward?.(rows);
    for (const differentiate of backward) differentiate(rows);
    builder.sumWeightGradients();
    if (hasPenalties) total += penalize();
    measure(rows, batch, total, losses);
    return computed;
  };

  return {
    accepts: ({ xs, ys, weights }) =>
      (!builder.draws || stepOfRun(engine) !== undefined) &&
      inputs.every((input, i) => fits(xs[i], input)) &&
      planned.every(({ kernel, readsTargets, targetShape, positions }, i) =>
        (!readsTargets || fits(ys[i], { shape: targetShape })) &&
        (kernel === undefined || weights[i] === undefined ||
          (positions === 1 && weights[i].size === xs[0].shape[0]))
      ),
    compute: (batch) => run(batch),
    rehearse(batch) {
      const seen: RehearsedOutput[] = [];
      const { values, sizes, gradients } = run(batch, seen);
      return {
        values: values.slice(),
        sizes: sizes.slice(),
        gradients,
        outputs: seen,
        metricsByKernel: metrics.map(({ kernel }) => kernel !== undefined),
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

/** The part of the engine that differentiates. */
interface Differentiating {
  gradients(
    run: () => tf.Scalar,
    by: tf.Tensor[],
    dy?: undefined,
    allowsNone?: boolean,
  ): { value: tf.Scalar; grads: tf.Tensor[] };
}

/** A block for a tensor of the batch. */
function feedBlock(block: Block, { holdsTensors }: PlanMemory): Block {
  block.isUsed = !holdsTensors;
  return block;
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
