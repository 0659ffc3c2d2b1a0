import type * as tf from "@tensorflow/tfjs";
import type { Engine } from "../engine.ts";
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

/** How updates reach the values of a backend. */
export interface Storage {
  /**
   * Run a formula. Values that are also referenced elsewhere, by a clone, another variable or an
   * array that was read, are not changed.
   *
   * @param jobs one for each variable
   * @param scalars in the order of the formula's scalars
   */
  run(name: FormulaName, jobs: readonly Job[], scalars: readonly number[]): void;
  /** The value of a float32 scalar; NaN where there is none, which no comparison passes. */
  read(scalar: tf.Tensor | undefined): number;
  /** Give a float32 scalar another value, as {@linkcode run} does. */
  write(cell: Cell, value: number): void;
}

/** Assign values to a cell and dispose the given tensor. */
export function assign(cell: Cell, value: tf.Tensor): void {
  cell.assign(value);
  value.dispose();
}

/** Scalars through TensorFlow.js's own tensors. */
export function scalarsOf(
  engine: Pick<Engine, "makeTensor">,
): Pick<Storage, "read" | "write"> {
  return {
    read: (scalar) => scalar?.dataSync()[0] ?? NaN,
    write: (cell, value) => assign(cell, engine.makeTensor(Float32Array.of(value), [], "float32")),
  };
}
