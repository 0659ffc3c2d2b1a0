import type * as tf from "@tensorflow/tfjs";
import { collectedWeights, type Compiled, trainableVariables } from "../tfjs/compiled.ts";
import { disposeTape, type Engine, readsSynchronously } from "../tfjs/engine.ts";
import { minimizesItself, updateOf } from "../tfjs/update.ts";
import type { Batch } from "./data/data.ts";

/** What a step measures in a batch: the numbers of each measure, in the order of `measuresOf`. */
export type PackedMeasures = {
  /** On the host, until the next batch overwrites them; on a device one tensor, to be disposed. */
  values: number[] | tf.Tensor;
  /** How many of the values each measure has. */
  sizes: number[];
};

/** Computes one batch. */
export type Step = (batch: Batch) => PackedMeasures;

/**
 * Make the step of a training run: one update from one batch. Losses and metrics are those of the
 * pass in training mode, before the update.
 *
 * A callback that compiles the model again changes its optimizer and variables from the next batch
 * on, its losses and metrics from the next run on.
 */
export function makeTrainStep(engine: Engine, compiled: Compiled): Step {
  const { network } = compiled;
  const pack = makePack(engine);
  const kept: tf.Tensor[] = [];
  let minimizer = minimizerOf(network);
  let batch: Batch;
  let pass: Forward;
  const loss = (): tf.Scalar => {
    pass = forward(compiled, batch, true);
    // The tape's own scope would drop them. Metrics are computed outside it: they need no gradient.
    for (const output of pass.outputs) kept.push(engine.keep(output));
    // A single loss may be the total, which is returned.
    if (pass.losses.length > 1) { for (const one of pass.losses) kept.push(engine.keep(one)); }
    return pass.total;
  };
  const run = (): PackedMeasures => {
    try {
      const total = minimizer.minimize(loss);
      return pack(measure(compiled, batch, pass, total));
    } catch (error) {
      disposeTape(engine);
      throw error;
    } finally {
      for (const tensor of kept) tensor.dispose();
      kept.length = 0;
    }
  };
  return (next) => {
    batch = next;
    if (isOutdated(minimizer, network)) minimizer = minimizerOf(network);
    return engine.tidy(run);
  };
}

/** Make the step of an evaluation: losses and metrics in inference mode. */
export function makeTestStep(engine: Engine, compiled: Compiled): Step {
  const pack = makePack(engine);
  let batch: Batch;
  const run = (): PackedMeasures => {
    const pass = forward(compiled, batch, false);
    return pack(measure(compiled, batch, pass, pass.total));
  };
  return (next) => {
    batch = next;
    return engine.tidy(run);
  };
}

/** Make the step of a prediction: outputs in inference mode, which the caller disposes. */
export function makePredictStep(network: tf.LayersModel): (inputs: tf.Tensor[]) => tf.Tensor[] {
  return (inputs) => {
    const outputs = outputsOf(network, inputs, false);
    for (let i = 0; i < outputs.length; i++) {
      // An input of the model may be an output too. A model's call drops what else it makes.
      if (inputs.includes(outputs[i])) outputs[i] = outputs[i].clone();
    }
    return outputs;
  };
}

/** One forward pass. */
interface Forward {
  outputs: tf.Tensor[];
  total: tf.Scalar;
  /** The loss of each output. */
  losses: tf.Scalar[];
}

function forward(compiled: Compiled, batch: Batch, training: boolean): Forward {
  const { network } = compiled;
  const outputs = outputsOf(network, batch.xs, training);
  const losses: tf.Scalar[] = [];
  for (let i = 0; i < compiled.losses.length; i++) {
    const values = compiled.losses[i](batch.ys[i], outputs[i]);
    const weights = batch.weights[i];
    losses.push((weights === undefined ? values : weigh(values, weights)).mean());
  }
  let total = losses[0];
  for (let i = 1; i < losses.length; i++) total = total.add(losses[i]);
  const penalties = (network as unknown as { calculateLosses(): tf.Scalar[] }).calculateLosses();
  for (const penalty of penalties) total = total.add(penalty);
  return { outputs, total, losses };
}

function outputsOf(network: tf.LayersModel, inputs: tf.Tensor[], training: boolean): tf.Tensor[] {
  // A new object each time: tfjs writes masks into it.
  const outputs = network.call(inputs, { training });
  return Array.isArray(outputs) ? outputs : [outputs];
}

/** A tensor for each of `measuresOf`: scalars, and vectors of sums. */
function measure(compiled: Compiled, batch: Batch, pass: Forward, total: tf.Scalar): tf.Tensor[] {
  const measured: tf.Tensor[] = [total];
  if (pass.losses.length > 1) measured.push(...pass.losses);
  for (const { measure, output, ratio } of compiled.metrics) {
    const yTrue = batch.ys[output];
    const yPred = pass.outputs[output];
    measured.push(ratio === undefined ? measure(yTrue, yPred).mean() : ratio.sums(yTrue, yPred));
  }
  return measured;
}

/** Where values are read without waiting, that costs less than to join them first. */
function makePack(engine: Engine): (measured: tf.Tensor[]) => PackedMeasures {
  return readsSynchronously(engine) ? makeHostPack() : packOnDevice;
}

function makeHostPack(): (measured: tf.Tensor[]) => PackedMeasures {
  const packed = { values: [] as number[], sizes: [] as number[] };
  return (measured) => {
    const { values, sizes } = packed;
    for (let i = 0, at = 0; i < measured.length; i++) {
      const read = measured[i].dataSync();
      sizes[i] = read.length;
      for (let j = 0; j < read.length; j++) values[at++] = read[j];
    }
    return packed;
  };
}

function packOnDevice(measured: tf.Tensor[]): PackedMeasures {
  const sizes = measured.map(({ size }) => size);
  if (measured.length === 1) return { values: measured[0], sizes };
  const [first, ...rest] = measured.map((one) => one.toFloat().reshape([one.size]));
  // tfjs's types want one tensor here, its code takes many.
  return { values: first.concat(rest as unknown as tf.Tensor), sizes };
}

/** What is bound from one `compile` to the next. */
interface Minimizer {
  optimizer: tf.Optimizer;
  weights: ReturnType<typeof collectedWeights>;
  /** Update the variables by the gradients of the loss, and return the loss. */
  minimize(loss: () => tf.Scalar): tf.Scalar;
}

function minimizerOf(network: tf.LayersModel): Minimizer {
  const optimizer = network.optimizer as tf.Optimizer;
  const weights = collectedWeights(network);
  const variables = trainableVariables(network);
  if (minimizesItself(optimizer)) {
    const minimize = (loss: () => tf.Scalar) =>
      optimizer.minimize(loss, true, variables) as tf.Scalar;
    return { optimizer, weights, minimize };
  }
  const update = updateOf(optimizer);
  const minimize = (loss: () => tf.Scalar): tf.Scalar => {
    const { value, grads } = optimizer.computeGradients(loss, variables);
    const gradients: { name: string; tensor: tf.Tensor }[] = [];
    for (const { name } of variables) gradients.push({ name, tensor: grads[name] });
    update(gradients);
    for (const { tensor } of gradients) tensor?.dispose();
    return value;
  };
  return { optimizer, weights, minimize };
}

/** True when a callback has compiled the model again. */
function isOutdated({ optimizer, weights }: Minimizer, network: tf.LayersModel): boolean {
  return network.optimizer !== optimizer || collectedWeights(network) !== weights;
}

/** Weights of rows, or of rows and steps, beside loss values that may have more axes. */
function weigh(values: tf.Tensor, weights: tf.Tensor): tf.Tensor {
  if (weights.rank > values.rank && weights.shape.at(-1) === 1) {
    weights = weights.reshape(weights.shape.slice(0, -1));
  }
  if (weights.rank < values.rank) {
    const ones: number[] = new Array(values.rank - weights.rank).fill(1);
    weights = weights.reshape([...weights.shape, ...ones]);
  }
  // A loss may be one number already. Anything else would be spread over rows that it is not for.
  if (values.rank > 0 && weights.shape.some((size, i) => size !== 1 && size !== values.shape[i])) {
    throw new RangeError(
      `Cannot use weights of shape [${weights.shape}] for a loss of shape [${values.shape}]: ` +
        `there must be one for each row, or for each of its steps`,
    );
  }
  return values.mul(weights);
}
