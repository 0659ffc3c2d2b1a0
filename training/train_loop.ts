import type * as tf from "@tensorflow/tfjs";
import type { Params } from "../core/callback.ts";
import type { CallbackList } from "../core/callback_list.ts";
import { History } from "../core/history.ts";
import { normalizeLogs } from "../core/logs.ts";
import type { TrainableModel } from "../core/model.ts";
import { isPromise } from "../core/promise.ts";
import { claimTraining } from "../tfjs/claim_training.ts";
import type { Compiled } from "../tfjs/compiled.ts";
import type { Engine } from "../tfjs/engine.ts";
import { movingAverageOf } from "../tfjs/exponential_moving_average.ts";
import { networkOf } from "../tfjs/network.ts";
import { drawingFrom, type NoiseSource, seedOfRun } from "../tfjs/random_seed.ts";
import { hasUnfrozen } from "../tfjs/trained_weights.ts";
import { forEachBatch } from "./batch_loop.ts";
import { type BatchSource, type ClassWeights, describeValue } from "./data/data.ts";
import { EventLoopYield } from "./event_loop_yield.ts";
import { type RunOptions, runOptions, wholeNumber, withCallbacks } from "./run.ts";
import { logKeys, measuresOf, RunningMeans } from "./running_means.ts";
import { hintAtSlowBackend } from "./slow_backend.ts";
import { makeTrainStep, type Step } from "./step.ts";
import { StepReport } from "./step_report.ts";
import { type Evaluation, makeEvaluation, testLoop } from "./test_loop.ts";
import { TrainWarnings } from "./train_warnings.ts";
import { TrainingState } from "./training_state.ts";
import { validatesEach, validationDue, type ValidationOptions } from "./validation.ts";

/** Options of fit and fitDataset. */
export interface TrainOptions extends RunOptions, ValidationOptions {
  /** Epoch at which training ends, exclusive. Default: 1. */
  epochs?: number;
  /** Epoch to start at, to continue an earlier run. Default: 0. */
  initialEpoch?: number;
  /**
   * Seed of the shuffled order of rows, which is the same on every runtime, and of dropout, noise
   * and everything else that draws `Math.random()` in a training step. Default: the seed of a
   * restored backup, the next number of {@linkcode setRandomSeed}, or a random one. `params.seed`
   * contains it.
   */
  seed?: number;
  /**
   * Source of the random numbers of dropout and noise layers without a seed. `"keepfit"` draws the
   * same numbers on every runtime and backend. `"tfjs"` draws TensorFlow.js's numbers from
   * `Math.random`, which is seeded for each step; steps with such layers are then not compiled.
   * Default: `"keepfit"`.
   */
  noise?: "keepfit" | "tfjs";
  /** Weight of each class in the training loss, multiplied by sample weights. Default: 1. */
  classWeight?: ClassWeights;
}

/** The names of {@linkcode TrainOptions}. */
export const trainOptions: Record<keyof TrainOptions, true> = {
  ...runOptions,
  epochs: true,
  initialEpoch: true,
  seed: true,
  noise: true,
  classWeight: true,
  validationData: true,
  validationFreq: true,
  validationBatchSize: true,
  validationSteps: true,
};

/** The model to train, and its data. */
export interface Training {
  model: tf.LayersModel;
  engine: Engine;
  compiled: Compiled;
  source: BatchSource;
  validation: BatchSource | undefined;
  /** Order of the rows; undefined for a dataset. */
  shuffle?: boolean | "batch";
}

/** Train epoch by epoch; {@linkcode Callback} describes the order of the hooks. */
export async function trainLoop(training: Training, options: TrainOptions): Promise<History> {
  const { model, engine, compiled, source, validation } = training;
  const noise = noiseOf(options.noise);
  const eventLoop = new EventLoopYield(options);
  const isDue = validationDue(options.validationFreq);
  const seed = wholeNumber("seed", options.seed, 0);
  const params = paramsOf(training, options, seed ?? seedOfRun(engine));
  const { epochs, initialEpoch = 0 } = params;
  const means = new RunningMeans(measuresOf(compiled));
  const state = new TrainingState({
    engine,
    model,
    means,
    params,
    source,
    eventLoop,
    initialEpoch,
    keepsSeed: seed !== undefined,
  });
  const endTraining = claimTraining(model);
  let step: Step | undefined;
  let evaluation: Evaluation | undefined;
  const warnings = new TrainWarnings();
  try {
    return await withCallbacks(model, options, params, true, async (list) => {
      // The list may have no history, but it is returned anyway.
      const own = list.history === undefined ? new History() : undefined;
      if (options.yieldEvery === "never" && list.has("onYield")) {
        throw new RangeError(
          'Cannot use yieldEvery "never" with a callback that has onYield: it would never be called',
        );
      }
      list.loop = state;
      state.stopTraining = false;
      await list.onTrainBegin();
      state.restoreLayers();
      // A callback that restored an earlier run determines where to start.
      const first = passToStart(training, state, isDue) ?? (list.initialEpoch || initialEpoch);
      if (first >= epochs && state.start === undefined) warnings.noEpoch(first, epochs);
      if (options.verbose !== 0) {
        const { steps, samples, batchSize } = source;
        hintAtSlowBackend(engine, model, { epochs: epochs - first, samples, steps, batchSize });
      }
      // Not earlier, because a callback may compile the model in onTrainBegin.
      const { jitCompile = "auto", verbose } = options;
      const history = list.history ?? own as History;
      const report = new StepReport(engine, {
        verbose,
        describe: (description) => history.step = description,
      });
      step = makeTrainStep(engine, model, compiled, { jitCompile, report }, noise);
      evaluation = validation && makeEvaluation(model, engine, compiled, validation, {
        jitCompile,
        report: new StepReport(engine, { isValidation: true }),
        stepsPerExecution: options.stepsPerExecution,
      });
      for (let epoch = first; epoch < epochs && !state.hasEnded; epoch++) {
        state.beginEpoch(epoch);
        await list.onEpochBegin(epoch);
        state.restoreLayers();
        if (hasUnfrozen(networkOf(model, "fit"))) warnings.unfrozenLayer(epoch);
        const logs = await trainEpoch(training, step, list, eventLoop, state, noise);
        // An epoch without a batch has no logs and no end.
        if (source.isUsedUp) break;
        if (!Number.isFinite(logs.loss ?? 0)) warnings.loss(epoch, logs.loss);
        if (evaluation !== undefined && isDue(epoch)) {
          state.beginValidation();
          const measured = await testLoop(evaluation, list, eventLoop, epoch);
          for (const name of Object.keys(measured)) logs[`val_${name}`] = measured[name];
        }
        state.endEpoch(logs);
        await list.onEpochEnd(epoch, logs);
        own?.onEpochEnd(epoch, normalizeLogs(logs));
        if (state.stopTraining) break;
        if (options.yieldEvery === "never") continue;
        await eventLoop.yield();
        if (options.yieldEvery === "epoch") {
          await eventLoop.betweenBatches(list.onYield(epoch, state.batch - 1, logs));
        }
      }
      movingAverageOf(model)?.finalize(model as unknown as TrainableModel);
      await list.onTrainEnd(state.logs);
      return history;
    });
  } finally {
    endTraining();
    step?.dispose();
    evaluation?.step.dispose();
    state.dispose();
    means.dispose();
  }
}

/** Params of the run, which callbacks receive. */
function paramsOf(training: Training, options: TrainOptions, seed: number): Params {
  const { compiled, source, validation, shuffle } = training;
  const { validationFreq } = options;
  const epochs = wholeNumber("epochs", options.epochs, 0) ?? 1;
  const initialEpoch = wholeNumber("initialEpoch", options.initialEpoch, 0) ?? 0;
  const params: Params = {
    verbose: options.verbose ?? "auto",
    epochs,
    steps: source.steps,
    initialEpoch,
    batchSize: source.batchSize ?? null,
    ...(shuffle !== undefined && { shuffle }),
    samples: source.samples,
    doValidation: validation !== undefined,
    metrics: logKeys(compiled, validation !== undefined),
    directions: compiled.directions,
    seed,
  };
  if (validation === undefined) return params;
  params.validation = { samples: validation.samples, steps: validation.steps };
  if (!validatesEach(initialEpoch, epochs, validationFreq)) params.validationFreq = validationFreq;
  return params;
}

/** Skip the data of the epochs before a restored position. Returns its epoch, if there is one. */
function passToStart(
  { source, validation }: Training,
  { start }: TrainingState,
  isDue: (epoch: number) => boolean,
): number | undefined {
  if (start === undefined) return undefined;
  source.passOver?.(start.epochsTrained, start.order);
  let validations = 0;
  for (let epoch = start.firstEpoch; epoch < start.epoch; epoch++) {
    if (isDue(epoch)) validations++;
  }
  validation?.passOver?.(validations);
  return start.epoch;
}

function noiseOf(noise: unknown = "keepfit"): NoiseSource {
  if (noise === "keepfit" || noise === "tfjs") return noise;
  throw new RangeError(
    `Cannot use noise: expected "keepfit" or "tfjs", got ${describeValue(noise)}`,
  );
}

async function trainEpoch(
  { source, engine }: Training,
  step: Step,
  list: CallbackList,
  eventLoop: EventLoopYield,
  state: TrainingState,
  noise: NoiseSource,
): Promise<Record<string, number>> {
  const { means, epoch, seed, batch: firstBatch } = state;
  // In a resumed run, only the validation of this epoch may remain.
  if (state.phase === "validate" || (state.stopTraining && firstBatch > 0)) {
    return await means.logs();
  }
  state.phase = "train";
  await forEachBatch(source.epoch({ epoch, firstBatch, seed }), eventLoop, {
    begin: (index) => list.onTrainBatchBegin(index),
    step(batch) {
      const values = drawingFrom(engine, seed, state.step, () => step(batch), noise);
      const counted = means.add(values, batch.size);
      state.batch++;
      state.step++;
      return counted;
    },
    end: list.has("onTrainBatchEnd")
      ? (index) => {
        const logs = list.readsBatchLogs(index) ? means.logs() : {};
        if (!isPromise(logs)) return list.onTrainBatchEnd(index, logs);
        return logs.then((read) => list.onTrainBatchEnd(index, read));
      }
      : undefined,
    yielded: list.has("onYield")
      ? async (index) => list.onYield(state.epoch, index, await means.logs())
      : undefined,
    isStopped: () => state.stopTraining,
  }, { firstBatch, stepsPerExecution: state.stepsPerExecution });
  return await means.logs();
}
