/** Replays Keras's scenarios of fit, evaluate and predict with ours. */
import * as tf from "@tensorflow/tfjs";
import * as keepfit from "keepfit";
import { evaluate, evaluateDataset, fit, fitDataset, predict } from "keepfit";
import type { Mismatch } from "./replay.ts";
import {
  camelCase,
  type FitScenario,
  isNear,
  isSameError,
  type Made,
  type Schedule,
  scheduleOf,
  type Seen,
} from "./traces.ts";

/** Run the call of a scenario, and compare hooks, logs, params and the result. */
export async function replayFit(scenario: FitScenario): Promise<Mismatch[]> {
  const ours = await run(scenario);
  return Object.entries({ error: undefined, ...scenario.seen })
    .filter(([field, keras]) =>
      field === "error" ? !isSameError(keras, ours.error) : !isNear(keras, ours[field])
    )
    .map(([field, keras]) => ({ step: 0, field, keras, ours: ours[field] }));
}

async function run(scenario: FitScenario): Promise<Seen> {
  const { call, rows: count, outputs = 1, validation, dataset, stop } = scenario;
  const { batch_size: batchSize = 4, ...given } = scenario.options ?? {};
  const model = makeModel(outputs, scenario.metrics ?? []);
  const events: unknown[] = [];
  let params: unknown;
  const options: Record<string, unknown> = {
    verbose: 0,
    batchSize,
    callbacks: [
      ...(scenario.make ?? []).map(made),
      { ...watch(model, events, stop), setParams: (recorded: object) => void (params = recorded) },
    ],
  };
  for (const [name, value] of Object.entries(given)) options[camelCase(name)] = value;
  const { x, y } = rows(count, outputs, scenario.infinite);
  const batches = function* () {
    // With a number of steps, one iterator continues across epochs.
    do yield* split(x, y, batchSize as number); while (options.stepsPerEpoch !== undefined);
  };
  const seen: Seen = { events };
  const { log, warn } = console;
  // Their output is compared in the scenarios that are driven hook by hook.
  console.log = console.warn = () => {};
  try {
    if (call === "predict") {
      const result = await predict(model, dataset ? batches as never : x, options);
      seen.shapes = shapesOf(result);
    } else if (call === "evaluate") {
      seen.result = dataset
        ? await evaluateDataset(model, batches as never, options)
        : await evaluate(model, x, y, options);
    } else {
      options.shuffle = false;
      if (validation !== undefined && validation < 1) options.validationSplit = validation;
      else if (validation !== undefined) {
        const data = rows(validation, outputs);
        options.validationData = [data.x, data.y];
      }
      const { epoch, history } = dataset
        ? await fitDataset(model, batches as never, options)
        : await fit(model, x, y, options);
      Object.assign(seen, { epoch, history });
    }
  } catch (error) {
    const { cause } = error as Error;
    seen.error = (cause ?? error as Error).constructor.name;
  } finally {
    Object.assign(console, { log, warn });
  }
  seen.weights = model.getWeights().map((weight) => Array.from(weight.dataSync()));
  model.dispose();
  const { verbose, epochs, steps } = params as Record<string, unknown>;
  return { ...seen, params: { verbose, epochs, steps } };
}

/** The model of fit_scenarios.py. */
function makeModel(outputs: number, metrics: string[]): tf.LayersModel {
  const x = tf.input({ shape: [2], name: "x" });
  const names = ["a", "b"].slice(0, outputs);
  const kernelInitializer = tf.initializers.constant({ value: 0.5 });
  const layers = names.map((name) => tf.layers.dense({ units: 1, kernelInitializer, name }));
  const model = tf.model({
    inputs: x,
    outputs: layers.map((layer) => layer.apply(x) as tf.SymbolicTensor),
  });
  const each = <T>(value: T) => Object.fromEntries(names.map((name) => [name, value]));
  model.compile({
    optimizer: tf.train.sgd(0.125),
    loss: outputs > 1 ? each("meanSquaredError") : "meanSquaredError",
    metrics: (outputs > 1 && metrics.length > 0 ? each(metrics) : metrics) as string[],
  });
  return model;
}

/** The numbers of fit_scenarios.py. */
function rows(count: number, outputs: number, infinite?: number) {
  const numbers = Array.from({ length: count }, (_, i) => i);
  const x = tf.tensor2d(numbers.map((i) => [(i % 5) / 4 - 0.5, (i % 3) / 2 - 0.5]));
  const y = tf.tensor2d(numbers.map((i) => [i === infinite ? Infinity : (i % 7) / 4]));
  return { x, y: outputs === 1 ? y : { a: y, b: tf.mul(y, 0.5) } };
}

function made([kind, { schedule, ...given }]: Made): unknown {
  const make = (keepfit as Record<string, unknown>)[kind] as new (...args: unknown[]) => unknown;
  const options = Object.fromEntries(
    Object.entries(given).map(([name, value]) => [camelCase(name), value]),
  );
  return schedule === undefined
    ? new make(options)
    : new make(scheduleOf(schedule as Schedule), options);
}

function* split(x: tf.Tensor, y: tf.Tensor | Record<string, tf.Tensor>, size: number) {
  for (let at = 0; at < x.shape[0]; at += size) {
    const part = (all: tf.Tensor) => all.slice([at], [Math.min(size, x.shape[0] - at)]);
    const ys = y instanceof tf.Tensor
      ? part(y)
      : Object.fromEntries(Object.entries(y).map(([name, all]) => [name, part(all)]));
    yield { xs: part(x), ys };
  }
}

/** Record every hook, and set a flag of the model in the nth call of one hook. */
function watch(model: tf.LayersModel, events: unknown[], stop: FitScenario["stop"]): object {
  let left = stop?.[2] ?? 0;
  const names = ["train", "epoch", "train_batch", "test", "test_batch", "predict", "predict_batch"]
    .flatMap((name) => [`${name}_begin`, `${name}_end`]);
  return Object.fromEntries(names.map((name) => [camelCase(`on_${name}`), (...args: unknown[]) => {
    const logs = args.pop() as Record<string, unknown>;
    const recorded = "outputs" in logs
      ? { outputs: shapesOf(logs.outputs as tf.Tensor) }
      : { ...logs };
    events.push([name, ...args, recorded]);
    if (stop !== undefined && `on_${name}` === stop[1] && --left === 0) {
      Object.assign(model, { [camelCase(stop[0])]: true });
    }
  }]));
}

function shapesOf(tensors: tf.Tensor | tf.Tensor[]): unknown {
  return Array.isArray(tensors) ? tensors.map(({ shape }) => shape) : tensors.shape;
}
