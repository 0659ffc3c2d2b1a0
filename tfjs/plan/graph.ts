import type * as tf from "@tensorflow/tfjs";

/** A region of the plan's memory. It gets its address before a batch is computed. */
export class Block {
  /**
   * Address of the first value, in bytes. Until it gets memory, one that kernels cannot access, so
   * that they fail instead of overwriting TensorFlow.js's heap.
   */
  address = -(2 ** 31);
  /** Address of the memory reserved in the arena, in bytes. 0 if none is reserved. */
  arenaAddress = 0;
  /** Whether the arena reserves memory for the block. Default: false. */
  isReserved = false;
  /**
   * Whether TensorFlow.js has the values as int32, so that numbers that are fed to the block become
   * whole. Default: false.
   */
  isWhole = false;
  /** Constants that the arena writes to the block. Default: undefined, none. */
  constants: Int32Array | undefined;

  /** Number of values: of one row if {@linkcode isPerRow}, else in total. */
  size: number;
  /** Whether each row of a batch has its own values. */
  readonly isPerRow: boolean;

  constructor(size: number, isPerRow: boolean) {
    this.size = size;
    this.isPerRow = isPerRow;
  }

  /** Have the arena reserve memory for the block. */
  reserve(): this {
    this.isReserved = true;
    return this;
  }
}

/** The output of a layer or an input of the model. */
export interface Value {
  /** Shape of one row. */
  readonly shape: readonly number[];
  /** Number of values in a row. */
  readonly size: number;
  readonly data: Block;
  /** Gradient of the loss. Not reserved unless {@linkcode requiresGradient}. */
  readonly gradient: Block;
  /** Whether it depends on a trained weight. */
  readonly requiresGradient: boolean;
  /** Mask: 1 for each time step that counts, 0 otherwise. Default: undefined, every step counts. */
  mask?: Block;
}

/** A variable read by the plan. */
export interface Weight {
  readonly variable: () => tf.Variable;
  readonly shape: readonly number[];
  readonly size: number;
  readonly data: Block;
  /** Gradient of the loss; undefined for an untrained weight. */
  readonly gradient: Block | undefined;
}

/** The computation of a layer in each step. */
export interface Operation {
  /** Compute the outputs from the inputs. */
  forward(rows: number): void;
  /**
   * Compute the gradients of inputs and weights from those of the outputs. Writes every value of
   * the former; may overwrite the latter.
   */
  backward?(rows: number): void;
  /** Update the layer's state, such as moving averages, after the batch. */
  commit?(): void;
}

/** A weight of a layer of TensorFlow.js. */
export interface LayerVariable {
  readonly id: number;
  readonly shape: number[];
  readonly dtype: string;
  read(): tf.Variable;
}

/** Number of values of a shape. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((size, one) => size * one, 1);
}
