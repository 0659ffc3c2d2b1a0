import type { Params } from "./callback.ts";

/**
 * Number of batches of an execution.
 *
 * @param batch index of its last batch, which end hooks receive
 * @param params params of the run with its `stepsPerExecution`. Default: 1
 * @returns a whole number from 1 to `stepsPerExecution`
 */
export function batchesOfExecution(
  batch: number,
  params: Pick<Params, "stepsPerExecution"> | null,
): number {
  return batch % (params?.stepsPerExecution ?? 1) + 1;
}
