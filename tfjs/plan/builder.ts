import type * as tf from "@tensorflow/tfjs";
import { type NoiseKey, noiseKey } from "../noise.ts";
import type { RandomStep } from "../random_seed.ts";
import type { Kernels } from "./kernels.ts";
import type { PlanMemory } from "./memory.ts";

/** A piece of the plan's memory. Its address is known once a batch is about to be computed. */
export class Block {
  /** Address of the first number. */
  at = 0;
  /** Address of the memory that is reserved for it; 0 if none is. */
  home = 0;
  /** Whether memory is reserved for it. */
  isUsed = false;
  /** What is written to it where it is placed: numbers that never change. Default: undefined. */
  values: Int32Array | undefined;

  /** Numbers, of each row or in all. */
  size: number;
  /** Whether there are so many of each row. */
  readonly isPerRow: boolean;

  constructor(size: number, isPerRow: boolean) {
    this.size = size;
    this.isPerRow = isPerRow;
  }

  /** Reserve memory for it. */
  use(): this {
    this.isUsed = true;
    return this;
  }
}

/** A value between two layers. */
export interface Value {
  /** Shape of one row. */
  readonly shape: readonly number[];
  /** Numbers of a row. */
  readonly size: number;
  readonly data: Block;
  /** Gradient of the loss; unused if nothing below is trained. */
  readonly gradient: Block;
  /** Whether something that it is computed from is trained. */
  readonly isDifferentiated: boolean;
  /** Of each step of a row whether it counts, as 1 or 0. Default: undefined, all do. */
  mask?: Block;
}

/** A variable that the plan reads. */
export interface Weight {
  readonly variable: () => tf.Variable;
  readonly shape: readonly number[];
  readonly size: number;
  readonly data: Block;
  /** Gradient of the loss; undefined unless it is trained. */
  readonly gradient: Block | undefined;
}

/** What a layer does in each step. */
export interface Operation {
  /** Compute the output from the input. */
  forward(rows: number): void;
  /**
   * Compute the gradients of inputs and weights from those of the outputs. Every number of them is
   * written; the gradients of the outputs may be overwritten.
   */
  backward?(rows: number): void;
  /** Change what the layer keeps from the last batch. */
  commit?(): void;
}

/** A weight of a layer of TensorFlow.js. */
export interface LayerVariable {
  readonly id: number;
  readonly shape: number[];
  readonly dtype: string;
  read(): tf.Variable;
}

/** Why something cannot be planned. */
export class NotPlanned extends Error {}

/** One block to be added to another. */
interface Sum {
  from: Block;
  to: Block;
}

/** Numbers of a shape. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((size, one) => size * one, 1);
}

/** Makes the parts of a plan. */
export class Builder {
  readonly memory: PlanMemory;
  /** Whether layers such as dropout are active and gradients are computed. */
  readonly isTraining: boolean;
  readonly #blocks: Block[] = [];
  /** Rows that are planned for each row of a batch. */
  #times = 1;
  readonly #weights = new Map<number, Weight & { uses: number }>();
  readonly #uses = new Map<Value, number>();
  readonly #states = new Map<number, Block>();
  readonly #trained: ReadonlySet<number>;
  /** Sums to be made after the backward pass of the operation that is planned. */
  #sums: Sum[] = [];
  readonly #weightSums: Sum[] = [];
  readonly #scratch = new Block(0, false);
  readonly #scratchPerRow = new Block(0, true);

  /** Whether a layer draws random numbers. */
  draws = false;
  readonly #noise: (() => RandomStep | undefined) | undefined;

  /**
   * @param trained ids of the weights that are trained; undefined for inference
   * @param noise the step that is drawn for; undefined where TensorFlow.js draws
   */
  constructor(
    memory: PlanMemory,
    trained: Iterable<number> | undefined,
    noise?: () => RandomStep | undefined,
  ) {
    this.memory = memory;
    this.#noise = noise;
    this.isTraining = trained !== undefined;
    this.#trained = new Set(trained);
    this.#blocks.push(this.#scratch.use(), this.#scratchPerRow.use());
  }

  get kernels(): Kernels {
    return this.memory.kernels;
  }

  get blocks(): readonly Block[] {
    return this.#blocks;
  }

  get weights(): readonly Weight[] {
    return [...this.#weights.values()];
  }

  /**
   * The key of what a call draws in each step.
   *
   * @param part number of the draw within the call
   * @throws NotPlanned where TensorFlow.js draws
   */
  noise({ number }: { number: number }, part = 0): () => NoiseKey {
    const stepOf = this.#noise;
    if (stepOf === undefined) {
      throw new NotPlanned("TensorFlow.js draws the random numbers of dropout and noise");
    }
    this.draws = true;
    return () => noiseKey(stepOf() as RandomStep, number, part);
  }

  /** Plan something that has so many rows for each row of a batch, and is called with all of them. */
  repeated<T>(times: number, plan: () => T): T {
    this.#times *= times;
    try {
      return plan();
    } finally {
      this.#times /= times;
    }
  }

  /** Memory for numbers of each row. */
  perRow(size: number): Block {
    return this.#block(size, true).use();
  }

  /** Memory for a fixed count of numbers. */
  fixed(size: number): Block {
    return this.#block(size, false).use();
  }

  /** Memory with whole numbers that never change. */
  constants(values: Int32Array): Block {
    const block = this.fixed(values.length);
    block.values = values;
    return block;
  }

  /** Memory that all operations share; what is in it lasts for one kernel. */
  scratch(size: number): Block {
    this.#scratch.size = Math.max(this.#scratch.size, size);
    return this.#scratch;
  }

  /** As {@linkcode Builder.scratch}, for so many numbers of each row. */
  scratchPerRow(size: number): Block {
    this.#scratchPerRow.size = Math.max(this.#scratchPerRow.size, size * this.#times);
    return this.#scratchPerRow;
  }

  /** A new value. It is differentiated if one of `from` is. */
  value(shape: readonly number[], from: readonly (Value | Weight | undefined)[]): Value {
    const size = sizeOf(shape);
    const isDifferentiated = this.isTraining &&
      from.some((one) =>
        one !== undefined && ("isDifferentiated" in one ? one.isDifferentiated : one.gradient)
      );
    return {
      shape,
      size,
      data: this.#block(size, true).use(),
      gradient: this.#block(size, true),
      isDifferentiated,
    };
  }

  /** The same numbers under another shape. */
  reshaped(value: Value, shape: readonly number[]): { value: Value; operation: Operation } {
    const isShared = this.#usesOf(value) === 1;
    const result: Value = {
      ...value,
      shape,
      gradient: isShared ? value.gradient : this.#block(value.size, true),
    };
    const to = this.gradientOf(value);
    if (to === undefined || to === result.gradient) {
      return { value: result, operation: { forward() {} } };
    }
    result.gradient.use();
    const backward = (rows: number) =>
      this.kernels.copy(rows * value.size, result.gradient.at, to.at);
    return { value: result, operation: { forward() {}, backward } };
  }

  /** A weight of a layer. */
  weight(of: LayerVariable): Weight {
    let known = this.#weights.get(of.id);
    if (known === undefined) {
      if (of.dtype !== "float32") throw new NotPlanned(`a weight is ${of.dtype}`);
      const size = sizeOf(of.shape);
      const data = this.#block(size, false);
      // Elsewhere it is read where it is.
      if (!this.memory.holdsTensors) data.use();
      const isTrained = this.isTraining && this.#trained.has(of.id);
      const gradient = isTrained ? this.#block(size, false) : undefined;
      known = { variable: () => of.read(), shape: of.shape, size, data, gradient, uses: 0 };
      this.#weights.set(of.id, known);
    }
    return known;
  }

  /** What a layer keeps from batch to batch, as it is before its call. */
  stateOf(variable: LayerVariable): Block {
    return this.#states.get(variable.id) ?? this.weight(variable).data;
  }

  /** Where a call of a layer has to put what it keeps; the layer's next call finds it there. */
  changeState(variable: LayerVariable, size: number): Block {
    const block = this.fixed(size);
    this.#states.set(variable.id, block);
    return block;
  }

  /** State how often a value is read: by layers, and once as an output. */
  expectUses(value: Value, uses: number): void {
    this.#uses.set(value, uses);
  }

  /** State that an operation reads a value once more. */
  addUse(value: Value): void {
    this.#uses.set(value, this.#usesOf(value) + 1);
  }

  /**
   * Where an operation has to write the gradient of an input; undefined if there is none to
   * compute. Called once for each time that the operation reads it, in the order of the forward
   * pass.
   */
  gradientOf(value: Value): Block | undefined {
    if (!value.isDifferentiated) return undefined;
    const left = this.#usesOf(value) - 1;
    this.#uses.set(value, left);
    // The last reader is the first to compute it. Those before it add to it.
    if (left <= 0) return value.gradient.use();
    const own = this.perRow(value.size);
    this.#sums.push({ from: own, to: value.gradient });
    return own;
  }

  /**
   * Where an operation has to write the gradient of a weight; undefined if it is not trained. Called
   * once for each operation, in the order of the forward pass.
   */
  weightGradientOf(weight: Weight): Block | undefined {
    const { gradient } = weight;
    if (gradient === undefined) return undefined;
    const known = weight as Weight & { uses: number };
    if (known.uses++ === 0) return gradient;
    const own = this.fixed(weight.size);
    this.#weightSums.push({ from: own, to: gradient });
    return own;
  }

  /** Add up the gradients of weights that several operations read, at the end of a backward pass. */
  sumWeightGradients(): void {
    for (const { from, to } of this.#weightSums) this.kernels.add(from.size, from.at, to.at);
  }

  /** Complete an operation by the sums that its gradients need. */
  finish(operation: Operation): Operation {
    const { backward } = operation;
    const sums = this.#sums;
    this.#sums = [];
    if (sums.length === 0 || backward === undefined) return operation;
    return {
      ...operation,
      backward: (rows) => {
        backward(rows);
        for (const { from, to } of sums) {
          this.kernels.add(from.isPerRow ? rows * from.size : from.size, from.at, to.at);
        }
      },
    };
  }

  #usesOf(value: Value): number {
    return this.#uses.get(value) ?? 1;
  }

  #block(size: number, isPerRow: boolean): Block {
    const block = new Block(isPerRow ? size * this.#times : size, isPerRow);
    this.#blocks.push(block);
    return block;
  }
}
