import * as tf from "@tensorflow/tfjs";
import { makeOptimizer } from "../optimizer_fixtures.ts";
import { snapshotOptimizerState } from "../optimizer_snapshot.ts";

/** Optimizers with each variant and unusual numbers. */
export const makers: Record<string, () => tf.Optimizer> = {
  ...makeOptimizer,
  "Adagrad from 0": () => tf.train.adagrad(0.1, 0),
  "RMSProp with momentum": () => tf.train.rmsprop(0.05, 0.9, 0.7, 1e-3),
  "Adam with large epsilon": () => tf.train.adam(0.3, 0.8, 0.99, 0.1),
  "Adam whose first correction becomes 1": () => tf.train.adam(0.3, 1e-3, 0.99),
  "Adam whose corrections become 1": () => tf.train.adam(0.3, 1e-3, 1e-4),
  "Adam without rate": () => tf.train.adam(0),
};

// Subnormal numbers among them, which a device may round differently in each kernel.
const special = [
  ...[0, -0, 1, -1, NaN, Infinity, -Infinity, 1e-45, -1e-45, 1.2e-38, 1e-40, -1e-39],
  ...[3.4e38, -3.4e38, 1e-20, -1e20, 1e19, 2 ** -63],
];

/** Reproducible numbers of every magnitude, including special values. */
export function numbers(count: number, seed: number): Float32Array {
  let state = seed;
  const random = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
  return Float32Array.from({ length: count }, () => {
    if (random() < 0.02) return special[Math.floor(random() * special.length)];
    return (random() - 0.5) * 10 ** (random() < 0.8 ? 0 : random() * 60 - 35);
  });
}

const bits = (values: ArrayLike<number>): number[] =>
  Array.from(values, (value) => Object.is(value, -0) ? -1e-300 : value);

/** Values of a tensor on the host, with a number of its own for -0. */
export const bitsOf = (tensor: tf.Tensor): number[] => bits(tensor.dataSync());

/** Number of kernels of TensorFlow.js that a call runs. */
export function kernelsOf(call: () => void): number {
  const engine = tf.engine();
  const run = engine.runKernel;
  let count = 0;
  engine.runKernel = ((...args: Parameters<typeof run>) => {
    count++;
    return run.apply(engine, args);
  }) as typeof run;
  try {
    call();
    return count;
  } finally {
    engine.runKernel = run;
  }
}

/** All values of an optimizer, and of the variables that it trains. */
export async function stateOf(
  optimizer: tf.Optimizer,
  variables: tf.Variable[],
): Promise<number[][]> {
  const state = await snapshotOptimizerState(optimizer);
  const tensors = [
    ...variables,
    ...Object.values(state.slots).flat().map(({ tensor }) => tensor),
    ...Object.values(state.scalars),
  ];
  const values = await Promise.all(tensors.map(async (tensor) => bits(await tensor.data())));
  state.dispose();
  return [...values, [state.iterations]];
}
