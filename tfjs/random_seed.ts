import type * as tfjs from "@tensorflow/tfjs";
import { type Random, random, randomSeed } from "../core/random.ts";

/**
 * Seed every random number that training depends on, so that a program is reproducible, like
 * `keras.utils.set_random_seed`. Call it first, before the model is created.
 *
 * From this call on, each of these takes the next number of one sequence as its seed, unless it is
 * given a seed:
 *
 * - `tf.randomUniform`, `tf.randomUniformInt`, `tf.randomNormal`, `tf.randomStandardNormal`,
 *   `tf.truncatedNormal`, `tf.randomGamma`, `tf.multinomial` and `tf.dropout`;
 * - everything that uses them: every initializer of `tf.layers` and random preprocessing;
 * - the seed of a run of `fit`, on which the order of its rows depends, and dropout and noise in each
 *   of its steps.
 *
 * The numbers are the same on Deno, Bun and Node and on every backend: TensorFlow.js draws them in
 * JavaScript, and in a step of `fit` keepfit draws those of dropout and noise layers. Only
 * `tf.multinomial` draws in the backend: reproducibly, but with other numbers on wasm and WebGPU than
 * on cpu. Results computed from them may differ in the last digits.
 *
 * Not seeded: earlier draws; `Math.random()` of the program, and so `tf.rand` with it, and the
 * order of the rows in TensorFlow.js's own `model.fit`; `tf.data`'s `dataset.shuffle(size, seed)`,
 * which needs its own seed, as the clock is its default. In TensorFlow.js, `seed: 0` of a normal or
 * gamma distribution and of `tf.multinomial` counts as none.
 *
 * Another call restarts the sequence. The numbers depend on how many were drawn before, so an added
 * layer changes those of all later ones.
 *
 * @param tf the TensorFlow.js that the models are made with
 * @param seed a whole number >= 0; all 53 bits count
 * @throws TypeError when `tf` is not TensorFlow.js
 * @throws RangeError when `seed` is not a whole number >= 0
 * @example
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { fit, setRandomSeed } from "keepfit";
 * import assert from "node:assert/strict";
 *
 * async function train(): Promise<number[]> {
 *   setRandomSeed(tf, 1);
 *   const model = tf.sequential({
 *     layers: [
 *       tf.layers.dense({ units: 8, inputShape: [4], activation: "relu" }),
 *       tf.layers.dropout({ rate: 0.5 }),
 *       tf.layers.dense({ units: 1 }),
 *     ],
 *   });
 *   model.compile({ optimizer: "sgd", loss: "meanSquaredError" });
 *   const x = tf.randomUniform([64, 4]);
 *   const { history } = await fit(model, x, x.sum(1, true), { epochs: 3, verbose: 0 });
 *   return history.loss;
 * }
 *
 * assert.deepEqual(await train(), await train());
 * ```
 */
export function setRandomSeed(tf: Pick<typeof tfjs, "engine">, seed: number): void {
  if (typeof tf?.engine !== "function") {
    throw new TypeError(
      `Cannot set the random seed: expected TensorFlow.js first, got ${tf}; write ` +
        "setRandomSeed(tf, 1)",
    );
  }
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new RangeError(`Cannot set the random seed: expected a whole number >= 0, got ${seed}`);
  }
  const engine = tf.engine() as unknown as SeededEngine;
  if (engine[sequence] === undefined) seedOps(engine);
  engine[sequence] = { seed, drawn: 0 };
}

/** Seed for the order of a run's rows: the next number of `setRandomSeed`, or a random one. */
export function seedOfRun(engine: object): number {
  const { [sequence]: state } = engine as SeededEngine;
  return state === undefined ? randomSeed() : draw(state).below(2 ** 32);
}

/** What the random numbers of a training step depend on. */
export interface RandomStep {
  /** Seed of the run. */
  seed: number;
  /** Number of the step in the run. */
  step: number;
}

/**
 * Run a training step whose random numbers depend only on the seed of the run and the number of the
 * step. keepfit draws the numbers of dropout and noise layers. For other layers, `Math.random`,
 * from which TensorFlow.js draws their seeds, is replaced during the step. Layers with a `seed`
 * option keep it.
 *
 * @param noise `"tfjs"` to let TensorFlow.js draw the numbers of dropout and noise layers too
 */
export function drawingFrom<T>(
  engine: object,
  seed: number,
  step: number,
  run: () => T,
  noise: NoiseSource = "keepfit",
): T {
  const original = Math.random;
  let draws: Random | undefined;
  (engine as SeededEngine)[isInStep] = true;
  if (noise === "keepfit") (engine as SeededEngine)[currentStep] = { seed, step };
  Math.random = () => (draws ??= random(seedOfSteps(seed), step)).fraction();
  try {
    return run();
  } finally {
    Math.random = original;
    (engine as SeededEngine)[isInStep] = false;
    (engine as SeededEngine)[currentStep] = undefined;
  }
}

/** A derived seed, because the passes of a run's seed use its streams from 0 upwards. */
function seedOfSteps(seed: number): number {
  return random(seed, 2 ** 31).below(2 ** 32);
}

/** Source of the random numbers of dropout and noise layers. */
export type NoiseSource = "keepfit" | "tfjs";

/** The current step, if keepfit draws the numbers of its dropout and noise layers. */
export function stepOfRun(engine: object): RandomStep | undefined {
  return (engine as SeededEngine)[currentStep];
}

/** Position in the sequence of `setRandomSeed`; undefined if no seed was set. */
export function getRandomState(engine: object | undefined): RandomState | undefined {
  const state = (engine as SeededEngine | undefined)?.[sequence];
  return state && { ...state };
}

/** Continue the sequence from a position, if this program has set the same seed. */
export function setRandomState(engine: object | undefined, { seed, drawn }: RandomState): void {
  const state = (engine as SeededEngine | undefined)?.[sequence];
  if (state?.seed === seed) state.drawn = drawn;
}

/** Position in a sequence of seeds. */
export type RandomState = {
  seed: number;
  /** Number of draws so far. */
  drawn: number;
};

// On the engine, which all copies of tfjs and so of keepfit share.
const sequence = Symbol.for("keepfit.randomSequence");
const isInStep = Symbol.for("keepfit.isInStep");
const currentStep = Symbol.for("keepfit.currentStep");

interface SeededEngine {
  [sequence]?: RandomState;
  [isInStep]?: boolean;
  [currentStep]?: RandomStep;
  startScope(name?: string): void;
  endScope(result?: tfjs.TensorContainer): void;
}

/** Streams counting down, because the passes of `shuffledOrder` use those from 0 upwards. */
function draw(state: RandomState): Random {
  return random(state.seed, -1 - state.drawn++);
}

/** Ops that call `Math.random()` once for a seed, if none is given. */
const drawingOps = new Set(
  ["randomUniform", "randomNormal", "truncatedNormal", "randomGamma", "multinomial"]
    .map((name) => `${name}__op`),
);

/**
 * Seed these ops from the sequence. tfjs accepts no generator and exports nothing to replace, but
 * notifies its engine when an op begins and ends. In between, `Math.random` is replaced: an op is
 * synchronous and runs no user code. Everywhere else it is unchanged.
 */
function seedOps(engine: SeededEngine): void {
  const { startScope, endScope } = engine;
  const seeded = () => draw(engine[sequence] as RandomState).fraction();
  let original = Math.random;
  // Open scopes since such an op began, including its own.
  let open = 0;
  engine.startScope = (name) => {
    startScope.call(engine, name);
    if (open > 0) open++;
    else if (name !== undefined && !engine[isInStep] && drawingOps.has(name)) {
      open = 1;
      original = Math.random;
      Math.random = seeded;
    }
  };
  engine.endScope = (result) => {
    if (open > 0 && --open === 0) Math.random = original;
    endScope.call(engine, result);
  };
}
