import type * as tf from "@tensorflow/tfjs";
import type { Compiled } from "../compiled.ts";
import type { Engine } from "../engine.ts";
import { differentiate } from "./differentiate.ts";
import type { Block } from "./graph.ts";
import type { AccuracyKernel, LossKernel } from "./kernels/loss.ts";
import { lossKernelOf, metricKernelOf } from "./measures.ts";
import type { PlanMemory } from "./memory.ts";
import { feed, hasRowShape, type Plan, toTensor } from "./plan.ts";
import { PlanError } from "./plan_error.ts";
import type { Fallbacks, OutputDetails, PlanBatch, StepResults } from "./step_plan.ts";

interface PlannedOutput {
  kernel: LossKernel | undefined;
  targets: Block;
  /** Whether the kernel of the loss or of a metric reads the targets. */
  readsTargets: boolean;
  /** Shape of one row of the targets, as the kernels expect it. */
  targetShape: readonly number[];
  weights: Block;
  /** Weights of the time steps, by the output's mask; undefined without a mask. */
  stepWeights: Block | undefined;
  gradient: Block | undefined;
  positions: number;
  columns: number;
}

interface PlannedMetric {
  kernel: AccuracyKernel | undefined;
  output: number;
}

/** The part of a step after the layers: losses, metrics and their gradients. */
export interface StepOutputs {
  /** For each metric, whether a kernel computes it. */
  readonly hasMetricKernel: boolean[];
  /** Whether the kernels can read the targets and sample weights of a batch. */
  accepts(batch: Pick<PlanBatch, "xs" | "ys" | "weights">): boolean;
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
 * @throws PlanError when an output's mask does not match the positions of its loss
 */
export function planOutputs(
  engine: Engine,
  compiled: Compiled,
  { builder, memory, outputs }: Plan,
  fallbacks: Fallbacks,
): StepOutputs {
  const { lossNames } = compiled;
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
      weights: feedBlock(builder.perRow(1), memory),
      stepWeights: mask && builder.perRow(mask.size),
      gradient: builder.gradientOf(output),
      positions: output.size / columns,
      columns,
    };
  });
  const sums = builder.finish({ forward() {}, backward() {} });

  const maskOf = (i: number, rows: number): tf.Tensor | undefined => {
    const { mask } = outputs[i];
    return mask && toTensor(engine, memory, mask, [rows, mask.size]);
  };
  const lossByKernel = (i: number, rows: number, kernel: LossKernel): number => {
    const { targets, weights, stepWeights, gradient, positions, columns } = planned[i];
    const { data, mask } = outputs[i];
    const all = rows * positions;
    if (mask !== undefined && stepWeights !== undefined) {
      memory.kernels.maskWeights(all, mask.address, weights.address, stepWeights.address);
    }
    const { address } = stepWeights ?? weights;
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
      const { value, grads } = differentiate(engine, run, [prediction], false);
      memory.floats().set((grads[0] as tf.Tensor).dataSync(), gradient.address >> 2);
      result = value.dataSync()[0];
    });
    return result;
  };

  return {
    hasMetricKernel: metrics.map(({ kernel }) => kernel !== undefined),
    accepts: ({ xs, ys, weights }) =>
      planned.every(({ kernel, readsTargets, targetShape, positions }, i) =>
        (!readsTargets || hasRowShape(ys[i], { shape: targetShape })) &&
        (kernel === undefined || weights[i] === undefined ||
          (positions === 1 && weights[i].size === xs[0].shape[0]))
      ),
    feed({ ys, weights: rowWeights }) {
      let isReady = true;
      planned.forEach(({ readsTargets, targets, weights }, i) => {
        if (readsTargets) isReady = feed(memory, ys[i], targets) && isReady;
        if (rowWeights[i] === undefined) weights.address = 0;
        else isReady = feed(memory, rowWeights[i], weights) && isReady;
      });
      return isReady;
    },
    computeLosses: (rows, batch) =>
      planned.map(({ kernel }, i) =>
        kernel === undefined ? lossByTfjs(i, rows, batch) : lossByKernel(i, rows, kernel)
      ),
    details: (rows, losses) =>
      outputs.map(({ data, size }, i) => {
        const { kernel, gradient } = planned[i];
        const copy = ({ address }: Block) =>
          memory.floats().slice(address >> 2, (address >> 2) + rows * size);
        return {
          values: copy(data),
          loss: losses[i],
          hasLossKernel: kernel !== undefined,
          gradient: gradient && copy(gradient),
        };
      }),
    sumGradients: (rows) => sums.backward?.(rows),
    writeResults(rows, batch, { values, sizes }, total, losses) {
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
        if (kernel !== undefined) {
          return push(kernel(all, columns, data.address, targets.address) / all);
        }
        engine.tidy(() => {
          const prediction = toTensor(engine, memory, data, [rows, ...shape]);
          push(...fallbacks.metric(index, prediction, batch, maskOf(output, rows)).dataSync());
        });
      });
    },
  };
}

/** Reserve a block only if the batch's tensor is copied to it. */
function feedBlock(block: Block, { holdsTensors }: PlanMemory): Block {
  block.isReserved = !holdsTensors;
  return block;
}
