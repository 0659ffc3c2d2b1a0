import type * as tf from "@tensorflow/tfjs";
import type { Compiled } from "../tfjs/compiled.ts";
import { disposeTape, type Engine, readsSynchronously } from "../tfjs/engine.ts";
import { followCompile } from "../tfjs/follow_compile.ts";
import { forwardPass } from "../tfjs/forward.ts";
import { correctGradients } from "../tfjs/correct_gradients.ts";
import { correctResizing } from "../tfjs/correct_resizing.ts";
import type { NoiseSource } from "../tfjs/random_seed.ts";
import { compilePredictStep, type Inputs } from "./compiled_prediction.ts";
import { compileStep } from "./compiled_step.ts";
import type { Batch } from "./data/data.ts";
import { makeForward, measure, type Pass, type Targeted, withFloats } from "./losses.ts";
import type { CompileOptions } from "./maybe_compiled.ts";
import { minimizerOf } from "./minimizer.ts";

/** The measures of a batch, in the order of `measuresOf`. */
export type PackedMeasures = {
  /** Values on the host, valid until the next batch, or one tensor on a device, to be disposed. */
  values: number[] | tf.Tensor;
  /** Number of values of each measure. */
  sizes: number[];
};

/** Computes one batch. */
export interface Step {
  (batch: Batch): PackedMeasures;
  /** Release its memory. */
  dispose(): void;
}

/**
 * Create the step of a training run: one update from one batch. Losses and metrics are computed in
 * training mode, before the update.
 *
 * If a callback compiles the model again, the new optimizer, variables and losses apply from the
 * next batch, and new metrics from the next run.
 *
 * @param model the user's model
 * @param compiled its compiled parts at the start of the run
 * @param options whether the step is compiled
 * @param noise source of the random numbers of dropout and noise layers
 */
export function makeTrainStep(
  engine: Engine,
  model: tf.LayersModel,
  compiled: Compiled,
  options: CompileOptions,
  noise?: NoiseSource,
): Step {
  correctResizing();
  correctGradients();
  const follow = followCompile(model, compiled);
  const pack = makePack(engine);
  const kept: tf.Tensor[] = [];
  const isMeasured = compiled.metrics.length > 0;
  let forward = makeForward(engine, compiled);
  let minimizer = minimizerOf(compiled.network);
  let fast = compileStep(engine, compiled, options, minimizer, noise);
  let batch: Targeted;
  let pass: Pass;
  const loss = (): tf.Scalar => {
    pass = forward(batch, true);
    // The scope of the tape would dispose them. Metrics are computed outside, without gradients.
    for (const output of pass.outputs) kept.push(engine.keep(output));
    // A single loss may be the total, which is returned.
    if (pass.losses.length > 1) { for (const one of pass.losses) kept.push(engine.keep(one)); }
    if (isMeasured) { for (const mask of pass.masks) if (mask) kept.push(engine.keep(mask)); }
    return pass.total;
  };
  const run = (): PackedMeasures => {
    try {
      // All tensors are created before the tape records.
      batch = { ...withFloats(batch) };
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
  const tape = () => engine.tidy(run);
  const step = (next: Batch): PackedMeasures => {
    batch = next;
    const latest = follow();
    const isOutdated = minimizer.isOutdated(latest.network);
    if (latest !== compiled || isOutdated) {
      fast.dispose();
      if (latest !== compiled) forward = makeForward(engine, compiled = latest);
      if (isOutdated) minimizer = minimizerOf(compiled.network);
      fast = compileStep(engine, compiled, options, minimizer, noise);
    }
    return fast.run(next, tape);
  };
  return Object.assign(step, { dispose: () => fast.dispose() });
}

/** Create the step of an evaluation: losses and metrics in inference mode. */
export function makeTestStep(
  engine: Engine,
  model: tf.LayersModel,
  compiled: Compiled,
  options: CompileOptions,
): Step {
  const follow = followCompile(model, compiled);
  const pack = makePack(engine);
  let forward = makeForward(engine, compiled);
  let fast = compileStep(engine, compiled, options);
  let batch: Targeted;
  const run = (): PackedMeasures => {
    batch = withFloats(batch);
    const pass = forward(batch, false);
    return pack(measure(compiled, batch, pass, pass.total));
  };
  const tape = () => engine.tidy(run);
  const step = (next: Batch): PackedMeasures => {
    batch = next;
    const latest = follow();
    if (latest !== compiled) {
      fast.dispose();
      forward = makeForward(engine, compiled = latest);
      fast = compileStep(engine, compiled, options);
    }
    return fast.run(next, tape);
  };
  return Object.assign(step, { dispose: () => fast.dispose() });
}

/** Computes the outputs of a batch, which the caller disposes. */
export interface PredictStep {
  (batch: Inputs): tf.Tensor[];
  /** Release its memory. */
  dispose(): void;
}

/** Create the step of a prediction: outputs in inference mode. */
export function makePredictStep(
  engine: Engine,
  network: tf.LayersModel,
  options: CompileOptions,
): PredictStep {
  const pass = forwardPass(engine, network);
  const fast = compilePredictStep(engine, network, options);
  const run = (inputs: tf.Tensor[]): tf.Tensor[] => {
    const outputs = pass(inputs, false).tensors;
    for (let i = 0; i < outputs.length; i++) {
      // An input of the model may also be an output, and one tensor may be two outputs. Other
      // tensors of the pass are disposed.
      const isTaken = inputs.includes(outputs[i]) || outputs.indexOf(outputs[i]) < i;
      if (isTaken) outputs[i] = outputs[i].clone();
    }
    return outputs;
  };
  const step = (batch: Inputs) => fast.run(batch, ({ xs }) => engine.tidy(() => run(xs)));
  return Object.assign(step, { dispose: () => fast.dispose() });
}

/**
 * Create the function that packs measures. Values that can be read synchronously are not joined.
 */
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
  // tfjs's types require one tensor here, but its code accepts several.
  return { values: first.concat(rest as unknown as tf.Tensor), sizes };
}
