import type * as tf from "@tensorflow/tfjs";
import type { Compiled } from "../compiled.ts";
import type { Engine } from "../engine.ts";
import { differentiate } from "./differentiate.ts";
import type { Block } from "./graph.ts";
import type { AccuracyKernel, LossKernel } from "./kernels/loss.ts";
import { lossKernelOf, metricKernelOf } from "./measures.ts";
import type { PlanMemory } from "./memory.ts";
import { feed, type HostRows, type Plan, shapeError, toTensor } from "./plan.ts";
import { PlanError } from "./plan_error.ts";
import type { Fallbacks, OutputDetails, PlanBatch, StepResults } from "./step_plan.ts";

interface PlannedOutput {
  kernel: LossKernel | undefined;
  targets: Block;
  /** Whether the kernel of the loss or of a metric reads the targets. */
  readsTargets: boolean;
  /** Shape of one row of the targets, as the kernels expect it. */
  targetShape: readonly number[];
  weights: PlannedWeights;
  /** Weights of the time steps, by the output's mask; undefined without a mask. */
  stepWeights: Block | undefined;
  gradient: Block | undefined;
  /** Whether the last loss did not depend on the output, so that its gradient is zero. */
  isIndependent: boolean;
  positions: number;
  columns: number;
}

/** Weights of the positions of an output. */
interface PlannedWeights {
  /** As the batch has them: of each row, or of the first axes of its positions. */
  given: Block;
  /** Of each position, if one is of several. */
  spread: Block;
  /** Number of weights per row of the batch; 0 without weights. */
  count: number;
}

interface PlannedMetric {
  kernel: AccuracyKernel | undefined;
  output: number;
}

/** The part of a step after the layers: losses, metrics and their gradients. */
export interface StepOutputs {
  /** For each metric, whether a kernel computes it. */
  readonly hasMetricKernel: boolean[];
  /** Whether a loss or a metric has no kernel. */
  readonly callsFallbacks: boolean;
  /** Reason why the kernels cannot read the targets or weights of a batch; undefined if they can. */
  rejection(batch: PlanBatch): string | undefined;
  /** Feed targets and sample weights of a batch; false when memory has to be reserved first. */
  feed(batch: PlanBatch): boolean;
  /** Compute the loss of each output and, in training, its gradient. */
  computeLosses(rows: number, batch: PlanBatch): number[];
  /** Copies of the outputs and their gradients, for a comparison. */
  details(rows: number, losses: number[]): OutputDetails[];
  /** Add up the gradients of a value that is several outputs. */
  sumGradients(rows: number): void;
  /** Compute the metrics and write the results: losses, then metrics. */
  writeResults(
    rows: number,
    batch: PlanBatch,
    to: StepResults,
    total: number,
    losses: number[],
  ): void;
}

/**
 * Plan the losses and metrics of a model after its layers.
 *
 * @param hasPenalties whether the model has regularizers
 * @throws PlanError when an output's mask does not match the positions of its loss
 */
export function planOutputs(
  engine: Engine,
  compiled: Compiled,
  { builder, memory, outputs }: Plan,
  fallbacks: Fallbacks,
  hasPenalties: boolean,
): StepOutputs {
  const { lossNames, outputNames } = compiled;
  const metrics = compiled.metrics.map((metric): PlannedMetric => ({
    // Metrics of a masked output are weighted means, which have no kernel.
    kernel: outputs[metric.output].mask === undefined
      ? metricKernelOf(memory.kernels, compiled, metric)
      : undefined,
    output: metric.output,
  }));
  const planned = outputs.map((output, i): PlannedOutput => {
    const columns = output.shape.at(-1) ?? 1;
    const { mask } = output;
    if (mask !== undefined && mask.size !== output.size / columns) {
      throw new PlanError("the mask of an output does not match the steps of its loss");
    }
    const isSparse = lossNames[i] === "sparseCategoricalCrossentropy";
    const kernel = lossKernelOf(memory.kernels, lossNames[i]);
    return {
      kernel,
      readsTargets: kernel !== undefined ||
        metrics.some((metric) => metric.output === i && metric.kernel !== undefined),
      targets: feedBlock(builder.perRow(isSparse ? output.size / columns : output.size), memory),
      targetShape: isSparse ? [...output.shape.slice(0, -1), 1] : output.shape,
      weights: {
        given: feedBlock(builder.perRow(1), memory),
        spread: builder.perRowLater(output.size / columns),
        count: 0,
      },
      stepWeights: mask && builder.perRow(mask.size),
      gradient: builder.gradientOf(output),
      isIndependent: false,
      positions: output.size / columns,
      columns,
    };
  });
  const sums = builder.finish({ forward() {}, backward() {} });

  const maskOf = (i: number, rows: number): tf.Tensor | undefined => {
    const { mask } = outputs[i];
    return mask && toTensor(engine, memory, mask, [rows, mask.size]);
  };
  /** Address of the weights of all positions; 0 for none. */
  const addressOfWeights = (
    { given, spread, count }: PlannedWeights,
    rows: number,
    positions: number,
  ): number => {
    if (count === 0) return 0;
    if (count === positions) return given.address;
    memory.kernels.repeat(rows * count, positions / count, given.address, spread.address);
    return spread.address;
  };
  const lossByKernel = (i: number, rows: number, kernel: LossKernel): number => {
    const { targets, weights, stepWeights, gradient, positions, columns } = planned[i];
    const { data, mask } = outputs[i];
    const all = rows * positions;
    let address = addressOfWeights(weights, rows, positions);
    if (mask !== undefined && stepWeights !== undefined) {
      memory.kernels.maskWeights(all, mask.address, address, stepWeights.address);
      ({ address } = stepWeights);
    }
    return kernel(
      all,
      columns,
      data.address,
      targets.address,
      address,
      gradient?.address ?? 0,
      1 / all,
    ) / all;
  };
  const lossByTfjs = (i: number, rows: number, batch: PlanBatch): number => {
    const { gradient } = planned[i];
    let result = 0;
    engine.tidy(() => {
      const prediction = toTensor(engine, memory, outputs[i].data, [rows, ...outputs[i].shape]);
      const mask = maskOf(i, rows);
      const run = () => fallbacks.loss(i, prediction, batch, mask);
      if (gradient === undefined) {
        result = run().dataSync()[0];
        return;
      }
      const allowsNone = outputs.length > 1 || hasPenalties;
      const { value, grads: [slope] } = differentiate(engine, run, [prediction], allowsNone);
      const values = slope?.dataSync() ?? new Float32Array(prediction.size);
      planned[i].isIndependent = !slope;
      memory.floats().set(values, gradient.address >> 2);
      result = value.dataSync()[0];
    });
    return result;
  };

  return {
    hasMetricKernel: metrics.map(({ kernel }) => kernel !== undefined),
    callsFallbacks: [...planned, ...metrics].some(({ kernel }) => kernel === undefined),
    rejection(batch) {
      const { ys, weights } = batch.rows ?? batch;
      for (let i = 0; i < planned.length; i++) {
        const { kernel, readsTargets, targetShape } = planned[i];
        const error = readsTargets
          ? shapeError(`the target ${outputNames[i]}`, [ys[i]], [{ shape: targetShape }])
          : undefined;
        if (error !== undefined) return error;
        const given = weights[i];
        if (kernel === undefined || given === undefined) continue;
        if (countOfWeights(given, targetShape) === undefined) {
          return `the weights of ${outputNames[i]} have the shape [${given.shape}]`;
        }
      }
    },
    feed(batch) {
      const { ys, weights: allGiven } = batch.rows ?? batch;
      let isReady = true;
      for (let i = 0; i < planned.length; i++) {
        const { kernel, readsTargets, targets, targetShape, weights, positions } = planned[i];
        if (readsTargets) isReady = feed(memory, ys[i], targets) && isReady;
        const values = kernel && allGiven[i];
        weights.count = values === undefined ? 0 : countOfWeights(values, targetShape) as number;
        if (values === undefined) continue;
        const { given, spread, count } = weights;
        if (given.size < count || (count < positions && !spread.isReserved)) {
          given.size = count;
          if (count < positions) spread.reserve();
          isReady = false;
        } else isReady = feed(memory, values, given) && isReady;
      }
      return isReady;
    },
    computeLosses: (rows, batch) =>
      planned.map(({ kernel }, i) =>
        kernel === undefined ? lossByTfjs(i, rows, batch) : lossByKernel(i, rows, kernel)
      ),
    details: (rows, losses) =>
      outputs.map(({ data, size }, i) => {
        const { kernel, gradient, isIndependent } = planned[i];
        const copy = ({ address }: Block) =>
          memory.floats().slice(address >> 2, (address >> 2) + rows * size);
        return {
          values: copy(data),
          loss: losses[i],
          hasLossKernel: kernel !== undefined,
          gradient: isIndependent ? undefined : gradient && copy(gradient),
        };
      }),
    sumGradients: (rows) => sums.backward?.(rows),
    writeResults(rows, batch, results, total, losses) {
      const { values, sizes } = results;
      values.length = sizes.length = 0;
      addResult(results, total);
      if (losses.length > 1) { for (const loss of losses) addResult(results, loss); }
      for (let index = 0; index < metrics.length; index++) {
        const { kernel, output } = metrics[index];
        const { positions, columns, targets } = planned[output];
        const { data, shape } = outputs[output];
        const all = rows * positions;
        if (kernel !== undefined) {
          addResult(results, kernel(all, columns, data.address, targets.address) / all);
          continue;
        }
        engine.tidy(() => {
          const prediction = toTensor(engine, memory, data, [rows, ...shape]);
          const mask = maskOf(output, rows);
          const numbers = fallbacks.metric(index, prediction, batch, mask).dataSync();
          values.push(...numbers);
          sizes.push(numbers.length);
        });
      }
    },
  };
}

function addResult({ values, sizes }: StepResults, value: number): void {
  values.push(value);
  sizes.push(1);
}

/**
 * Number of weights of a tensor per row: one for the row, or one for each index of the first axes of
 * its positions. Undefined for other shapes.
 *
 * @param targetShape shape of a row of the targets; all axes but the last are those of the positions
 */
function countOfWeights(
  { shape, size }: tf.Tensor | HostRows,
  targetShape: readonly number[],
): number | undefined {
  const [rows, ...given] = shape;
  if (size === rows) return 1;
  while (given.length >= targetShape.length && given.at(-1) === 1) given.pop();
  return given.length < targetShape.length && given.every((count, i) => count === targetShape[i])
    ? size / rows
    : undefined;
}

/** Reserve a block only if the batch's tensor is copied to it. */
function feedBlock(block: Block, { holdsTensors }: PlanMemory): Block {
  block.isReserved = !holdsTensors;
  return block;
}
