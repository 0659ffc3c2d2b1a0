import type * as tf from "@tensorflow/tfjs";
import type { Compiled } from "../compiled.ts";
import type { Engine } from "../engine.ts";
import { type Block, NotPlanned } from "./builder.ts";
import { differentiate } from "./differentiate.ts";
import type { AccuracyKernel, LossKernel } from "./kernels.ts";
import { lossKernelOf, metricKernelOf } from "./measures.ts";
import type { PlanMemory } from "./memory.ts";
import { feed, fits, type Plan, toTensor } from "./plan.ts";
import type { Computed, Customs, PlanBatch, RehearsedOutput } from "./step_plan.ts";

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

/** What a step does with the outputs of its layers. */
export interface StepOutputs {
  /** Of each metric, whether a kernel computes it. */
  readonly metricsByKernel: boolean[];
  /** Whether the targets and weights of a batch are such as the kernels read. */
  accepts(batch: Pick<PlanBatch, "xs" | "ys" | "weights">): boolean;
  /** Bring targets and weights of a batch; false when memory has to be reserved first. */
  bring(batch: PlanBatch): boolean;
  /** Compute the loss of each output and, in training, its gradient. */
  losses(rows: number, batch: PlanBatch): number[];
  /** Copies of the outputs, to be compared. */
  copies(rows: number, losses: number[]): RehearsedOutput[];
  /** Add up the gradients of a value that is an output twice. */
  joinGradients(rows: number): void;
  /** Write what the step measures: losses, then metrics. */
  measure(rows: number, batch: PlanBatch, to: Computed, total: number, losses: number[]): void;
}

/**
 * Plan the losses and metrics of a model after its layers.
 *
 * @throws NotPlanned for a mask that does not fit the loss
 */
export function planOutputs(
  engine: Engine,
  compiled: Compiled,
  { builder, memory, outputs }: Plan,
  customs: Customs,
): StepOutputs {
  const { lossNames } = compiled;
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
  const joined = builder.finish({ forward() {}, backward() {} });

  const maskOf = (i: number, rows: number): tf.Tensor | undefined => {
    const { mask } = outputs[i];
    return mask && toTensor(engine, memory, mask, [rows, mask.size]);
  };
  const lossByKernel = (i: number, rows: number, kernel: LossKernel): number => {
    const { targets, weights, stepWeights, gradient, positions, columns } = planned[i];
    const { data, mask } = outputs[i];
    const all = rows * positions;
    if (mask !== undefined && stepWeights !== undefined) {
      memory.kernels.maskWeights(all, mask.at, weights.at, stepWeights.at);
    }
    const { at } = stepWeights ?? weights;
    return kernel(all, columns, data.at, targets.at, at, gradient?.at ?? 0, 1 / all) / all;
  };
  const lossByTfjs = (i: number, rows: number, batch: PlanBatch): number => {
    const { gradient } = planned[i];
    let result = 0;
    engine.tidy(() => {
      const prediction = toTensor(engine, memory, outputs[i].data, [rows, ...outputs[i].shape]);
      const mask = maskOf(i, rows);
      const run = () => customs.loss(i, prediction, batch, mask);
      if (gradient === undefined) {
        result = run().dataSync()[0];
        return;
      }
      const { value, grads } = differentiate(engine, run, [prediction], false);
      memory.floats().set((grads[0] as tf.Tensor).dataSync(), gradient.at >> 2);
      result = value.dataSync()[0];
    });
    return result;
  };

  return {
    metricsByKernel: metrics.map(({ kernel }) => kernel !== undefined),
    accepts: ({ xs, ys, weights }) =>
      planned.every(({ kernel, readsTargets, targetShape, positions }, i) =>
        (!readsTargets || fits(ys[i], { shape: targetShape })) &&
        (kernel === undefined || weights[i] === undefined ||
          (positions === 1 && weights[i].size === xs[0].shape[0]))
      ),
    bring({ ys, weights: rowWeights }) {
      let isReady = true;
      planned.forEach(({ readsTargets, targets, weights }, i) => {
        if (readsTargets) isReady = feed(memory, ys[i], targets) && isReady;
        if (rowWeights[i] === undefined) weights.at = 0;
        else isReady = feed(memory, rowWeights[i], weights) && isReady;
      });
      return isReady;
    },
    losses: (rows, batch) =>
      planned.map(({ kernel }, i) =>
        kernel === undefined ? lossByTfjs(i, rows, batch) : lossByKernel(i, rows, kernel)
      ),
    copies: (rows, losses) =>
      outputs.map(({ data, size }, i) => {
        const { kernel, gradient } = planned[i];
        const copy = ({ at }: Block) => memory.floats().slice(at >> 2, (at >> 2) + rows * size);
        return {
          values: copy(data),
          loss: losses[i],
          isByKernel: kernel !== undefined,
          gradient: gradient && copy(gradient),
        };
      }),
    joinGradients: (rows) => joined.backward?.(rows),
    measure(rows, batch, { values, sizes }, total, losses) {
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
    },
  };
}

/** A block for a tensor of the batch. */
function feedBlock(block: Block, { holdsTensors }: PlanMemory): Block {
  block.isUsed = !holdsTensors;
  return block;
}
