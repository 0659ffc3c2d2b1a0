import type * as tf from "@tensorflow/tfjs";
import type { FormulaName } from "./formula.ts";

/** Target of an update: a variable, or a substitute for one. */
export interface Cell {
  readonly dataId: tf.DataId;
  readonly shape: number[];
  readonly size: number;
  assign(value: tf.Tensor): void;
}

/** One variable of an update. */
export interface Job {
  /** The weight and its slots, in the order of the formula's arrays; all are float32. */
  readonly cells: readonly Cell[];
  /** Gradient with the shape of the weight. */
  readonly gradient: tf.Tensor;
}

/**
 * Run a formula on the values of a backend. Values that are also referenced elsewhere, by a clone,
 * another variable or an array that was read, are not changed.
 *
 * @param jobs one for each variable
 * @param scalars in the order of the formula's scalars
 */
export type RunFormula = (
  name: FormulaName,
  jobs: readonly Job[],
  scalars: readonly number[],
) => void;

/** Assign values to a cell and dispose the given tensor. */
export function assign(cell: Cell, value: tf.Tensor): void {
  cell.assign(value);
  value.dispose();
}
