import { alignSlots } from "../tfjs/align_slots.ts";
import type * as tf from "@tensorflow/tfjs";
import {
  collectedWeights,
  type Compiled,
  followCompile,
  penaltiesOf,
  type TrainableWeight,
  trainableWeights,
} from "../tfjs/compiled.ts";
import { disposeTape, type Engine, readsSynchronously } from "../tfjs/engine.ts";
import { type ForwardPass, forwardPass } from "../tfjs/forward.ts";
import { minimizesItself, updateOf } from "../tfjs/update.ts";
import type { Batch } from "./data/data.ts";
import { describeValue, isTensor } from "./data/data.ts";

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
 * A callback that compiles the model again changes its optimizer, variables and losses from the next
 * batch on, its metrics from the next run on.
 *
 * @param model the model as the user has it
 * @param compiled what `compile` left in it when the run began
 */
export function makeTrainStep(engine: Engine, model: tf.LayersModel, compiled: Compiled): Step {
  const follow = followCompile(model, compiled);
  const pack = makePack(engine);
  const kept: tf.Tensor[] = [];
  const isMeasured = compiled.metrics.length > 0;
  let forward = makeForward(engine, compiled);
  let minimizer = minimizerOf(compiled.network);
  let batch: Targeted;
  let pass: Pass;
  const loss = (): tf.Scalar => {
    pass = forward(batch, true);
    // The tape's own scope would drop them. Metrics are computed outside it: they need no gradient.
    for (const output of pass.outputs) kept.push(engine.keep(output));
    // A single loss may be the total, which is returned.
    if (pass.losses.length > 1) { for (const one of pass.losses) kept.push(engine.keep(one)); }
    if (isMeasured) { for (const mask of pass.masks) if (mask) kept.push(engine.keep(mask)); }
    return pass.total;
  };
  const run = (): PackedMeasures => {
    try {
      batch = withFloats(batch);
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
    const latest = follow();
    if (latest !== compiled) forward = makeForward(engine, compiled = latest);
    if (isOutdated(minimizer, compiled.network)) minimizer = minimizerOf(compiled.network);
    return engine.tidy(run);
  };
}

/** Make the step of an evaluation: losses and metrics in inference mode. */
export function makeTestStep(engine: Engine, model: tf.LayersModel, compiled: Compiled): Step {
  const follow = followCompile(model, compiled);
  const pack = makePack(engine);
  let forward = makeForward(engine, compiled);
  let batch: Targeted;
  const run = (): PackedMeasures => {
    batch = withFloats(batch);
    const pass = forward(batch, false);
    return pack(measure(compiled, batch, pass, pass.total));
  };
  return (next) => {
    batch = next;
    const latest = follow();
    if (latest !== compiled) forward = makeForward(engine, compiled = latest);
    return engine.tidy(run);
  };
}

/** Make the step of a prediction: outputs in inference mode, which the caller disposes. */
export function makePredictStep(
  engine: Engine,
  network: tf.LayersModel,
): (inputs: tf.Tensor[]) => tf.Tensor[] {
  const pass = forwardPass(engine, network);
  const run = (inputs: tf.Tensor[]): tf.Tensor[] => {
    const outputs = pass(inputs, false).tensors;
    for (let i = 0; i < outputs.length; i++) {
      // An input of the model may be an output too, and an output may be two. The pass drops what
      // else it makes.
      const isTaken = inputs.includes(outputs[i]) || outputs.indexOf(outputs[i]) < i;
      if (isTaken) outputs[i] = outputs[i].clone();
    }
    return outputs;
  };
  return (inputs) => engine.tidy(() => run(inputs));
}

/** A batch whose targets can also be had as float32, which TensorFlow.js's own functions need. */
interface Targeted extends Pick<Batch, "xs" | "ys" | "weights"> {
  floats?: tf.Tensor[];
}

function withFloats({ xs, ys, weights }: Targeted): Targeted {
  return { xs, ys, weights, floats: ys.map((y) => y.dtype === "float32" ? y : y.toFloat()) };
}

/** What one forward pass gave. */
interface Pass {
  outputs: tf.Tensor[];
  /** For each output the mask of its steps, if it has one. */
  masks: (tf.Tensor | undefined)[];
  total: tf.Scalar;
  /** The loss of each output. */
  losses: tf.Scalar[];
}

function makeForward(
  engine: Engine,
  { network, losses: functions, lossNames, outputNames }: Compiled,
): (batch: Targeted, isTraining: boolean) => Pass {
  const pass: ForwardPass = forwardPass(engine, network);
  let warned = false;
  /** A mask as weights: steps that it leaves out count nothing, the others for them, as in Keras. */
  const weightsOfMask = (mask: tf.Tensor, values: tf.Tensor): tf.Tensor | undefined => {
    if (fitsRows(mask, values)) {
      const kept = mask.toFloat();
      return kept.mul(mask.size).div(kept.sum().add(1e-7));
    }
    // A loss that is one number has no steps to leave out.
    if (!warned && values.rank > 0) {
      warned = true;
      console.warn(
        `keepfit: masked steps count in the loss: the mask has shape [${mask.shape}], the loss ` +
          `[${values.shape}]; a loss with one value for each step leaves them out`,
      );
    }
  };
  return (batch, isTraining) => {
    const { tensors: outputs, masks } = pass(batch.xs, isTraining);
    const losses: tf.Scalar[] = [];
    for (let i = 0; i < functions.length; i++) {
      const targets = lossNames[i] === undefined ? batch.ys : batch.floats as tf.Tensor[];
      let values = functions[i](targets[i], outputs[i]);
      if (!isTensor(values)) throw notATensor(`loss of ${outputNames[i]}`, values);
      const mask = masks[i] && weightsOfMask(masks[i] as tf.Tensor, values);
      if (mask !== undefined) values = weigh(values, mask);
      const weights = batch.weights[i];
      losses.push((weights === undefined ? values : weigh(values, weights)).mean());
    }
    let total = losses[0];
    for (let i = 1; i < losses.length; i++) total = total.add(losses[i]);
    for (const penalty of penaltiesOf(network)) total = total.add(penalty);
    return { outputs, masks, total, losses };
  };
}

function notATensor(what: string, value: unknown): TypeError {
  return new TypeError(
    `Cannot use the ${what}: expected a tf.Tensor from its function, got ${describeValue(value)}`,
  );
}

/** A tensor for each of `measuresOf`: scalars, and vectors of sums. */
function measure(compiled: Compiled, batch: Targeted, pass: Pass, total: tf.Scalar): tf.Tensor[] {
  const measured: tf.Tensor[] = [total];
  if (pass.losses.length > 1) measured.push(...pass.losses);
  for (const { name, measure, output, ratio, isOwn } of compiled.metrics) {
    const yTrue = (isOwn ? batch.floats as tf.Tensor[] : batch.ys)[output];
    const yPred = pass.outputs[output];
    const values = ratio === undefined ? measure(yTrue, yPred) : ratio.sums(yTrue, yPred);
    if (!isTensor(values)) throw notATensor(`metric ${name}`, values);
    measured.push(ratio === undefined ? meanOf(values, pass.masks[output]) : values);
  }
  return measured;
}

/** The mean of a metric; with a mask the sum over the steps that it leaves, and their number. */
function meanOf(values: tf.Tensor, mask: tf.Tensor | undefined): tf.Tensor {
  if (mask === undefined || !fitsRows(mask, values)) return values.mean();
  const kept = mask.toFloat();
  const sum = weigh(values, kept).sum().reshape([1]);
  return sum.concat(kept.sum().mul(values.size / mask.size).reshape([1]));
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
  const trained = trainableWeights(network);
  const variables = trained.map((weight) => weight.read());
  alignSlots(optimizer, variables);
  const isFrozen = () => !variables.some(({ trainable }) => trainable);
  if (isFrozen()) {
    console.warn(
      "keepfit: the model has no trainable weights, so training changes none; set `trainable` of a " +
        "layer and compile the model again",
    );
  }
  const minimize = minimizeOf(optimizer, variables);
  const limited = trained.filter(({ constraint }) => constraint);
  return {
    optimizer,
    weights,
    minimize(loss) {
      if (isFrozen()) return loss();
      const value = minimize(loss);
      for (const weight of limited) applyConstraint(weight);
      return value;
    },
  };
}

function minimizeOf(optimizer: tf.Optimizer, variables: tf.Variable[]): Minimizer["minimize"] {
  if (minimizesItself(optimizer)) {
    return (loss) => optimizer.minimize(loss, true, variables) as tf.Scalar;
  }
  const update = updateOf(optimizer);
  return (loss) => {
    const { value, grads } = optimizer.computeGradients(loss, variables);
    const gradients: { name: string; tensor: tf.Tensor }[] = [];
    for (const { name } of variables) gradients.push({ name, tensor: grads[name] });
    update(gradients);
    for (const { tensor } of gradients) tensor?.dispose();
    return value;
  };
}

/** As in Keras, after each update; TensorFlow.js's own fit leaves it out. */
function applyConstraint(weight: TrainableWeight): void {
  const variable = weight.read();
  if (variable.trainable) variable.assign(weight.constraint!.apply(variable) as tf.Variable);
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
  if (values.rank > 0 && !fitsRows(weights, values)) {
    throw new RangeError(
      `Cannot use weights of shape [${weights.shape}] for a loss of shape [${values.shape}]: ` +
        `there must be one for each row, or for each of its steps`,
    );
  }
  return values.mul(weights);
}

/** True for weights of the first axes of the values. */
function fitsRows({ shape }: tf.Tensor, values: tf.Tensor): boolean {
  return shape.length <= values.rank &&
    shape.every((size, i) => size === 1 || size === values.shape[i]);
}
