/** Fixtures of the tests in this room. */
import type * as tf from "@tensorflow/tfjs";
import { getEngine } from "../tfjs/engine.ts";

export { warned } from "../core/fixtures.ts";

/** Number of additional tensors after `run`, even if it fails. */
export async function tensorsLeft(run: () => unknown): Promise<number> {
  const engine = getEngine() as unknown as { memory(): { numTensors: number } };
  const before = engine.memory().numTensors;
  try {
    await run();
  } catch {
    // The error is covered by another test.
  }
  return engine.memory().numTensors - before;
}

/** Two models with the same weights. */
export function twins<M extends tf.LayersModel>(make: () => M): [M, M] {
  const [one, two] = [make(), make()];
  two.setWeights(one.getWeights());
  return [one, two];
}

/** All weights of a model, one after another. */
export function weightsOf(model: tf.LayersModel): number[] {
  return model.getWeights().flatMap((weight) => Array.from(weight.dataSync()));
}

/** The largest difference between two lists of numbers, relative for large numbers. */
export function furthest(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Infinity;
  let most = 0;
  for (let i = 0; i < actual.length; i++) {
    const difference = Math.abs(actual[i] - expected[i]) / Math.max(1, Math.abs(expected[i]));
    // NaN counts as an infinite difference.
    most = difference <= most ? most : Number.isNaN(difference) ? Infinity : difference;
  }
  return most;
}
