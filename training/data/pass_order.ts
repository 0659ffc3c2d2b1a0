import type { StateValue } from "../../core/callback.ts";

/** Identifies the order of a shuffled dataset. */
export interface PassOrder {
  /** 0-based number of the pass over the data in its run. */
  pass: number;
  /** The first random number of each shuffle. */
  draws: number[];
  [name: string]: StateValue;
}

/** The used part of an iterator of `tf.data`; only that of a shuffle has random numbers. */
interface TfIterator {
  upstream?: TfIterator;
  iterators?: unknown;
  windowSize?: number;
  random?: () => number;
}

/**
 * The order of a new `tf.data` iterator: the first random number of each shuffle in it, without
 * consuming it. Empty without a shuffle.
 */
export function drawsOf(iterator: unknown, depth = 32): number[] {
  if (typeof iterator !== "object" || iterator === null || depth === 0) return [];
  const one = iterator as TfIterator;
  const above = [one.upstream, ...Object.values(one.iterators ?? {})]
    .flatMap((next) => drawsOf(next, depth - 1));
  const { random } = one;
  if (typeof random !== "function" || typeof one.windowSize !== "number") return above;
  const first = random();
  one.random = () => {
    one.random = random;
    return first;
  };
  return [...above, first];
}
