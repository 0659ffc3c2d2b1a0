import type * as tf from "@tensorflow/tfjs";
import type { Compiled } from "../tfjs/compiled.ts";
import type { CompiledMetric } from "../tfjs/compiled_metrics.ts";
import type { Engine } from "../tfjs/engine.ts";
import { type ForwardPass, forwardPass } from "../tfjs/forward.ts";
import { penaltiesOf } from "../tfjs/network.ts";
import { type Batch, describeValue, isTensor } from "./data/data.ts";

/**
 * A batch with its targets also as float32, which TensorFlow.js's functions need.
 */
export interface Targeted extends Pick<Batch, "xs" | "ys" | "weights"> {
  floats?: tf.Tensor[];
}

/** A batch with its targets as float32. */
export function withFloats(batch: Targeted): Targeted {
  const { ys } = batch;
  return {
    // A loss or a metric does not read them, so that they need not be created.
    get xs() {
      return batch.xs;
    },
    ys,
    get weights() {
      return batch.weights;
    },
    floats: ys.map((y) => y.dtype === "float32" ? y : y.toFloat()),
  };
}

/** Result of a forward pass. */
export interface Pass {
  outputs: tf.Tensor[];
  /** Mask of the steps of each output, if it has one. */
  masks: (tf.Tensor | undefined)[];
  total: tf.Scalar;
  /** The loss of each output. */
  losses: tf.Scalar[];
}

/** The loss of one output, a mean, from its predictions and the mask of their steps. */
export type OutputLoss = (
  output: number,
  batch: Targeted,
  prediction: tf.Tensor,
  mask?: tf.Tensor,
) => tf.Scalar;

/** The losses of a compiled model, computed by its own functions. */
export function makeLoss({ losses, lossNames, outputNames }: Compiled): OutputLoss {
  let warned = false;
  /** A mask as weights: masked steps have weight 0, and the others are scaled up, as in Keras. */
  const weightsOfMask = (mask: tf.Tensor, values: tf.Tensor): tf.Tensor | undefined => {
    if (fitsRows(mask, values)) {
      const kept = mask.toFloat();
      return kept.mul(mask.size).div(kept.sum().add(1e-7));
    }
    // A scalar loss has no steps to mask.
    if (!warned && values.rank > 0) {
      warned = true;
      console.warn(
        `keepfit: masked steps count in the loss: the mask has shape [${mask.shape}], the loss ` +
          `[${values.shape}]; a loss with one value per step omits them`,
      );
    }
  };
  return (output, batch, prediction, mask) => {
    const targets = lossNames[output] === undefined ? batch.ys : batch.floats as tf.Tensor[];
    let values = losses[output](targets[output], prediction);
    if (!isTensor(values)) throw notATensor(`loss of ${outputNames[output]}`, values);
    const kept = mask && weightsOfMask(mask, values);
    if (kept !== undefined) values = weigh(values, kept);
    const weights = batch.weights[output];
    return (weights === undefined ? values : weigh(values, weights)).mean();
  };
}

/** A forward pass and its losses, computed by TensorFlow.js. */
export function makeForward(
  engine: Engine,
  compiled: Compiled,
): (batch: Targeted, isTraining: boolean) => Pass {
  const { network } = compiled;
  const pass: ForwardPass = forwardPass(engine, network);
  const loss = makeLoss(compiled);
  return (batch, isTraining) => {
    const { tensors: outputs, masks } = pass(batch.xs, isTraining);
    const losses = compiled.losses.map((_, i) => loss(i, batch, outputs[i], masks[i]));
    let total = losses[0];
    for (let i = 1; i < losses.length; i++) total = total.add(losses[i]);
    for (const penalty of penaltiesOf(network)) total = total.add(penalty);
    return { outputs, masks, total, losses };
  };
}

function notATensor(what: string, value: unknown): TypeError {
  return new TypeError(
    `Cannot use the ${what}: expected its function to return a tf.Tensor, got ${
      describeValue(value)
    }`,
  );
}

/** A tensor for each of `measuresOf`: scalars, and vectors of sums. */
export function measure(
  compiled: Compiled,
  batch: Targeted,
  pass: Pass,
  total: tf.Scalar,
): tf.Tensor[] {
  const measured: tf.Tensor[] = [total];
  if (pass.losses.length > 1) measured.push(...pass.losses);
  for (const metric of compiled.metrics) {
    const { output } = metric;
    measured.push(measureOne(metric, batch, pass.outputs[output], pass.masks[output]));
  }
  return measured;
}

/** A metric of a batch: its mean, or its sums. */
export function measureOne(
  { name, measure, output, ratio, isOwn }: CompiledMetric,
  batch: Targeted,
  prediction: tf.Tensor,
  mask?: tf.Tensor,
): tf.Tensor {
  const targets = (isOwn ? batch.floats as tf.Tensor[] : batch.ys)[output];
  const values = ratio === undefined
    ? measure(targets, prediction)
    : ratio.sums(targets, prediction);
  if (!isTensor(values)) throw notATensor(`metric ${name}`, values);
  return ratio === undefined ? meanOf(values, mask) : values;
}

/** The mean of a metric; with a mask the sum over unmasked steps, and their number. */
function meanOf(values: tf.Tensor, mask: tf.Tensor | undefined): tf.Tensor {
  if (mask === undefined || !fitsRows(mask, values)) return values.mean();
  const kept = mask.toFloat();
  const sum = weigh(values, kept).sum().reshape([1]);
  return sum.concat(kept.sum().mul(values.size / mask.size).reshape([1]));
}

/** Multiply loss values, which may have more axes, with weights of rows or of rows and steps. */
function weigh(values: tf.Tensor, weights: tf.Tensor): tf.Tensor {
  if (weights.rank > values.rank && weights.shape.at(-1) === 1) {
    weights = weights.reshape(weights.shape.slice(0, -1));
  }
  if (weights.rank < values.rank) {
    const ones: number[] = new Array(values.rank - weights.rank).fill(1);
    weights = weights.reshape([...weights.shape, ...ones]);
  }
  // A loss may be a scalar. Weights of another shape would be broadcast over unrelated rows.
  if (values.rank > 0 && !fitsRows(weights, values)) {
    throw new RangeError(
      `Cannot use weights of shape [${weights.shape}] for a loss of shape [${values.shape}]: ` +
        `expected one for each row, or for each of its steps`,
    );
  }
  return values.mul(weights);
}

/** Whether weights match the first axes of the values. */
function fitsRows({ shape }: tf.Tensor, values: tf.Tensor): boolean {
  return shape.length <= values.rank &&
    shape.every((size, i) => size === 1 || size === values.shape[i]);
}
