import type * as tf from "@tensorflow/tfjs";
import { mix } from "../core/random.ts";
import type { Engine } from "./engine.ts";
import { type RandomStep, stepOfRun } from "./random_seed.ts";

/**
 * Key of the random numbers of one call of a layer in one step. Each number is a hash of the key
 * and its index, computed with integers. What follows uses only additions, products, quotients and
 * square roots, so the numbers are the same on every runtime and backend.
 */
export interface NoiseKey {
  first: number;
  second: number;
}

/**
 * The key of a call.
 *
 * @param call index of the call in the model
 * @param draw index of the draw within the call. Default: 0
 */
export function noiseKey({ seed, step }: RandomStep, call: number, draw = 0): NoiseKey {
  const keyFrom = (start: number) =>
    [seed, Math.floor(seed / 2 ** 32), step, Math.floor(step / 2 ** 32), call, draw]
      .reduce((hash, value) => mix(hash, value >>> 0), start) | 0;
  return { first: keyFrom(0x243f6a88), second: keyFrom(0x85a308d3) };
}

/** Limit of dropout: a value whose hash is below it is dropped. */
export function dropLimit(rate: number): number {
  return Math.min(Math.ceil(rate * 2 ** 32), 2 ** 32 - 1);
}

/** Factor of the values that dropout keeps, which preserves the mean. */
export function keepFactor(rate: number): number {
  return Math.fround(1 / (1 - rate));
}

/** The factors of dropout: 0, or {@linkcode keepFactor}. */
export function dropoutFactors(key: NoiseKey, size: number, rate: number): Float32Array {
  const limit = dropLimit(rate);
  const factor = keepFactor(rate);
  return Float32Array.from({ length: size }, (_, i) => hashAt(key, i) >>> 0 >= limit ? factor : 0);
}

/** Normally distributed numbers. */
export function gaussianNumbers(
  key: NoiseKey,
  size: number,
  mean: number,
  stddev: number,
): Float32Array {
  return Float32Array.from({ length: size }, (_, i) => mean + stddev * normal(hashAt(key, i)));
}

/** Constants of alpha dropout. */
export function alphaConstants(rate: number): { low: number; a: number; b: number } {
  const low = -1.6732632423543772848170429916717 * 1.0507009873554804934193349852946;
  const a = ((1 - rate) * (1 + rate * low ** 2)) ** -0.5;
  return { low, a, b: -a * low * rate };
}

/** A dropout or noise layer of TensorFlow.js. */
interface NoiseLayer {
  constructor: { className?: string };
  rate: number;
  stddev: number;
  seed?: number | null;
  noiseShape?: (number | null)[] | null;
  getNoiseShape?(input: tf.Tensor): number[] | null | undefined;
}

type Noise = (layer: NoiseLayer, input: tf.Tensor, key: NoiseKey, engine: Engine) => tf.Tensor;

const dropout: Noise = (layer, input, key, engine) => {
  const shape = layer.getNoiseShape?.(input) ?? input.shape;
  const factors = dropoutFactors(key, sizeOf(shape), layer.rate);
  return input.mul(engine.makeTensor(factors, shape, "float32"));
};

const noises: Readonly<Record<string, Noise>> = {
  Dropout: dropout,
  SpatialDropout1D: dropout,
  GaussianNoise: ({ stddev }, input, key, engine) => {
    const numbers = gaussianNumbers(key, input.size, 0, stddev);
    return engine.makeTensor(numbers, input.shape, "float32").add(input);
  },
  GaussianDropout: ({ rate }, input, key, engine) => {
    const numbers = gaussianNumbers(key, input.size, 1, stddevOfRate(rate));
    return input.mul(engine.makeTensor(numbers, input.shape, "float32"));
  },
  AlphaDropout: ({ rate, noiseShape }, input, key, engine) => {
    const shape = (noiseShape ?? input.shape) as number[];
    const flags = dropoutFactors(key, sizeOf(shape), rate).map((factor) => factor === 0 ? 0 : 1);
    const kept = engine.makeTensor(flags, shape, "float32");
    const { low, a, b } = alphaConstants(rate);
    return input.mul(kept).add(kept.sub(1).mul(low)).mul(a).add(b);
  },
};

/** Standard deviation of the factors of Gaussian dropout. */
export function stddevOfRate(rate: number): number {
  return Math.sqrt(rate / (1 - rate));
}

/**
 * Whether a layer draws from the stream of the run: it adds noise and has no `seed` option.
 */
export function drawsNoise(layer: object): boolean {
  const { constructor: { className = "" }, rate, seed } = layer as NoiseLayer;
  if (
    !Object.hasOwn(layer.constructor, "className") || !Object.hasOwn(noises, className) ||
    !isCalledByTfjs(layer)
  ) return false;
  return className === "GaussianNoise" ||
    (0 < rate && rate < 1 && (seed ?? undefined) === undefined);
}

/**
 * Whether a layer's `call` is that of TensorFlow.js, because a custom class may have the same name.
 * As no copy of TensorFlow.js is imported, `call` is recognized by methods that only its layers
 * call.
 */
function isCalledByTfjs(layer: object): boolean {
  const { call } = layer as { call: () => unknown };
  return /\.(invokeCallHook|_getNoiseShape)\(/.test(Function.prototype.toString.call(call));
}

/**
 * Compute the output of a dropout or noise layer in training. Returns undefined for other layers,
 * and outside of a step of `fit`, where TensorFlow.js draws the noise.
 */
export function applyNoise(
  engine: Engine,
  layer: object,
  input: tf.Tensor,
  call: number,
): tf.Tensor | undefined {
  const step = stepOfRun(engine);
  if (step === undefined || !drawsNoise(layer)) return undefined;
  const key = noiseKey(step, call);
  const { className = "" } = layer.constructor as { className?: string };
  const floats = input.dtype === "float32" ? input : input.toFloat();
  return noises[className](layer as NoiseLayer, floats, key, engine);
}

/** A cell of a recurrent layer of TensorFlow.js. */
interface Cell {
  constructor: { className?: string };
  dropout: number;
  recurrentDropout: number;
  dropoutFunc?: ((ones: tf.Tensor, rate: number) => tf.Tensor) | null;
}

/** Number of masks that each cell draws per dropout; it uses one of them. */
const drawsOf: Readonly<Record<string, number>> = { LSTMCell: 4, GRUCell: 3, SimpleRNNCell: 1 };

/**
 * Call a layer in training. In a step of `fit`, keepfit draws the dropout of recurrent and
 * bidirectional layers.
 */
export function withCellNoise<T>(engine: Engine, layer: object, call: number, run: () => T): T {
  const step = stepOfRun(engine);
  const { cell, forwardLayer, backwardLayer } = layer as
    & {
      [name in "forwardLayer" | "backwardLayer"]?: { cell?: Cell };
    }
    & { cell?: Cell };
  const cells = [cell ?? forwardLayer?.cell, backwardLayer?.cell];
  const own = cells.map((one) =>
    one !== undefined && Object.hasOwn(drawsOf, one.constructor.className ?? "") &&
      !one.dropoutFunc && step !== undefined
      ? one
      : undefined
  );
  own.forEach((one, i) => {
    if (one !== undefined) {
      one.dropoutFunc = drawingOf(engine, one, step as RandomStep, call, 2 * i);
    }
  });
  try {
    return run();
  } finally {
    for (const one of own) if (one !== undefined) one.dropoutFunc = undefined;
  }
}

function drawingOf(
  engine: Engine,
  { constructor: { className = "" }, dropout }: Cell,
  step: RandomStep,
  call: number,
  firstDraw: number,
): NonNullable<Cell["dropoutFunc"]> {
  // A cell draws the masks of the input first.
  let left = 0 < dropout && dropout < 1 ? drawsOf[className] : 0;
  return (ones, rate) => {
    const key = noiseKey(step, call, firstDraw + (left-- > 0 ? 0 : 1));
    return engine.makeTensor(dropoutFactors(key, ones.size, rate), ones.shape, "float32");
  };
}

/** Hash of an index. */
function hashAt({ first, second }: NoiseKey, index: number): number {
  return mixed(mixed(Math.imul(index, 0x9e3779b9) + first | 0) ^ second);
}

function mixed(hash: number): number {
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}

/** Normal deviate of a hash, as a quantile: Wichura's PPND7, AS 241. */
function normal(hash: number): number {
  const u = ((hash >>> 0) + 0.5) / 4294967296;
  const q = u - 0.5;
  if (Math.abs(q) <= 0.425) {
    const r = 0.180625 - q * q;
    return q * (((59.109374720 * r + 159.29113202) * r + 50.434271938) * r + 3.3871327179) /
      (((67.187563600 * r + 78.757757664) * r + 17.895169469) * r + 1);
  }
  const r = Math.sqrt(-logOfShare(hash < 0 ? ~hash : hash)) - 1.6;
  const z = (((0.17023821103 * r + 1.3067284816) * r + 2.7568153900) * r + 1.4234372777) /
    ((0.12021132975 * r + 0.73700164250) * r + 1);
  return q < 0 ? -z : z;
}

/** log((half + 0.5) / 2^32), bit-identical on every runtime, unlike `Math.log`. */
function logOfShare(half: number): number {
  const e = 32 - Math.clz32(half);
  const near = (2 * half + 1) / 2 ** e * 0.7071067811865476;
  const s = (near - 1) / (near + 1);
  const t = s * s;
  const sum =
    ((((((t / 15 + 1 / 13) * t + 1 / 11) * t + 1 / 9) * t + 1 / 7) * t + 1 / 5) * t + 1 / 3) *
      t + 1;
  return 2 * s * sum + (e - 32.5) * 0.6931471805599453;
}

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((size, one) => size * one, 1);
}
