import { type NoiseKey, noiseKey } from "../noise.ts";
import type { RandomStep } from "../random_seed.ts";
import {
  Block,
  type LayerVariable,
  type Operation,
  sizeOf,
  type Value,
  type Weight,
} from "./graph.ts";
import type { Kernels } from "./kernels.ts";
import type { PoolingOffer } from "./maxima.ts";
import type { PlanMemory } from "./memory.ts";
import { PlanError } from "./plan_error.ts";
import type { WorkSharing } from "./work_sharing.ts";

/** Creates the blocks, values and weights of a plan. */
export class Builder {
  readonly memory: PlanMemory;
  /** Whether gradients are computed and layers such as dropout are active. */
  readonly isTraining: boolean;
  readonly #blocks: Block[] = [];
  /** Rows per row of a batch: the time steps inside a TimeDistributed layer. */
  #rowFactor = 1;
  readonly #weights = new Map<number, Weight & { uses: number }>();
  readonly #uses = new Map<Value, number>();
  readonly #states = new Map<number, Block>();
  readonly #offers = new Map<Value, PoolingOffer>();
  readonly #trained: ReadonlySet<number>;
  /** Gradients to add up after the backward pass of the current operation. */
  #sums: Sum[] = [];
  readonly #weightSums: Sum[] = [];
  readonly #scratch = new Block(0, false);
  readonly #scratchPerRow = new Block(0, true);

  /** Whether a layer draws random numbers. Default: false. */
  usesNoise = false;
  readonly #noise: (() => RandomStep | undefined) | undefined;

  /**
   * @param trained ids of the trained weights; undefined for inference
   * @param noise returns the step to draw for; undefined if TensorFlow.js draws the noise
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
    this.#blocks.push(this.#scratch.reserve(), this.#scratchPerRow.reserve());
  }

  get kernels(): Kernels {
    return this.memory.kernels;
  }

  /** Computes large products with all threads of the backend. */
  get share(): WorkSharing {
    return this.memory.share;
  }

  get blocks(): readonly Block[] {
    return this.#blocks;
  }

  get weights(): readonly Weight[] {
    return [...this.#weights.values()];
  }

  /**
   * A function that returns the key of a layer's random numbers in the current step.
   *
   * @param call the call of the layer
   * @param draw index of the draw within the call. Default: 0
   * @throws PlanError if TensorFlow.js draws the noise
   */
  noise(call: { number: number }, draw = 0): () => NoiseKey {
    const currentStep = this.#noise;
    if (currentStep === undefined) {
      throw new PlanError("TensorFlow.js draws the random numbers of dropout and noise");
    }
    this.usesNoise = true;
    return () => noiseKey(currentStep() as RandomStep, call.number, draw);
  }

  /** Plan a layer whose rows are several per row of a batch; it is called with all of them. */
  withRowFactor<T>(factor: number, plan: () => T): T {
    this.#rowFactor *= factor;
    try {
      return plan();
    } finally {
      this.#rowFactor /= factor;
    }
  }

  /** A block with `size` values per row. */
  perRow(size: number): Block {
    return this.perRowLater(size).reserve();
  }

  /** As {@linkcode Builder.perRow}, reserved once it is used. */
  perRowLater(size: number): Block {
    return this.#block(size, true);
  }

  /** A block with `size` values, independent of the batch size. */
  fixed(size: number): Block {
    return this.#block(size, false).reserve();
  }

  /** A block of int32 constants. */
  constants(values: Int32Array): Block {
    const block = this.fixed(values.length);
    block.constants = values;
    return block;
  }

  /** Scratch memory shared by all operations. Its contents last for one kernel call. */
  scratch(size: number): Block {
    this.#scratch.size = Math.max(this.#scratch.size, size);
    return this.#scratch;
  }

  /** As {@linkcode Builder.scratch}, with `size` values per row. */
  scratchPerRow(size: number): Block {
    this.#scratchPerRow.size = Math.max(this.#scratchPerRow.size, size * this.#rowFactor);
    return this.#scratchPerRow;
  }

  /** A new value, which requires a gradient if one of the operands does. */
  value(shape: readonly number[], operands: readonly (Value | Weight | undefined)[]): Value {
    const size = sizeOf(shape);
    const requiresGradient = this.isTraining &&
      operands.some((one) =>
        one !== undefined && ("requiresGradient" in one ? one.requiresGradient : one.gradient)
      );
    return {
      shape,
      size,
      data: this.#block(size, true).reserve(),
      gradient: this.#block(size, true),
      requiresGradient,
    };
  }

  /** A view of a value with another shape. */
  reshaped(value: Value, shape: readonly number[]): { value: Value; operation: Operation } {
    const sharesGradient = this.#usesOf(value) === 1;
    const result: Value = {
      ...value,
      shape,
      gradient: sharesGradient ? value.gradient : this.#block(value.size, true),
    };
    const to = this.gradientOf(value);
    if (to === undefined || to === result.gradient) {
      return { value: result, operation: { forward() {} } };
    }
    result.gradient.reserve();
    const backward = (rows: number) =>
      this.kernels.copy(rows * value.size, result.gradient.address, to.address);
    return { value: result, operation: { forward() {}, backward } };
  }

  /**
   * A weight of a layer.
   *
   * @throws PlanError unless it is float32
   */
  weight(of: LayerVariable): Weight {
    let known = this.#weights.get(of.id);
    if (known === undefined) {
      if (of.dtype !== "float32") throw new PlanError(`a weight is ${of.dtype}`);
      const size = sizeOf(of.shape);
      const data = this.#block(size, false);
      // In the backend's own memory, the kernels read the variable in place.
      if (!this.memory.holdsTensors) data.reserve();
      const isTrained = this.isTraining && this.#trained.has(of.id);
      const gradient = isTrained ? this.#block(size, false) : undefined;
      known = { variable: () => of.read(), shape: of.shape, size, data, gradient, uses: 0 };
      this.#weights.set(of.id, known);
    }
    return known;
  }

  /** State that a layer keeps between batches, as its call finds it. */
  stateOf(variable: LayerVariable): Block {
    return this.#states.get(variable.id) ?? this.weight(variable).data;
  }

  /** Block for the state after a layer's call, read by the layer's next call in the same batch. */
  changeState(variable: LayerVariable, size: number): Block {
    const block = this.fixed(size);
    this.#states.set(variable.id, block);
    return block;
  }

  /** Set how often a value is read: once per layer, once if it is an output. */
  expectUses(value: Value, uses: number): void {
    this.#uses.set(value, uses);
  }

  /** Count one more read of a value. */
  addUse(value: Value): void {
    this.#uses.set(value, this.#usesOf(value) + 1);
  }

  /**
   * Block for the gradient of an input; undefined if it requires none. Call it once for each read
   * of the input, in the order of the forward pass.
   */
  gradientOf(value: Value): Block | undefined {
    if (!value.requiresGradient) return undefined;
    const left = this.#usesOf(value) - 1;
    this.#uses.set(value, left);
    // A reader that is left is not the only one.
    this.#offers.delete(value);
    // The backward pass starts with the last reader, which writes; the others add.
    if (left <= 0) return value.gradient.reserve();
    const own = this.perRow(value.size);
    this.#sums.push({ from: own, to: value.gradient });
    return own;
  }

  /** Offer to compute only what a pooling reads of an output, if nothing else reads it. */
  offerPooling(output: Value, offer: PoolingOffer): void {
    this.#offers.set(output, offer);
  }

  /** The offer to a pooling; undefined if there is none. */
  poolingOffer(input: Value): PoolingOffer | undefined {
    return this.#usesOf(input) === 1 ? this.#offers.get(input) : undefined;
  }

  /**
   * Block for the gradient of a weight; undefined for an untrained weight. Call it once for each
   * operation, in the order of the forward pass.
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

  /** Add up the gradients of weights read by several operations, after the backward pass. */
  sumWeightGradients(): void {
    for (const { from, to } of this.#weightSums) {
      this.kernels.add(from.size, from.address, to.address);
    }
  }

  /** Let an operation add up the gradients of its inputs that have several readers. */
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
          this.kernels.add(from.isPerRow ? rows * from.size : from.size, from.address, to.address);
        }
      },
    };
  }

  #usesOf(value: Value): number {
    return this.#uses.get(value) ?? 1;
  }

  #block(size: number, isPerRow: boolean): Block {
    const block = new Block(isPerRow ? size * this.#rowFactor : size, isPerRow);
    this.#blocks.push(block);
    return block;
  }
}

/** A gradient to be added to another. */
interface Sum {
  from: Block;
  to: Block;
}
