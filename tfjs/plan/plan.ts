import type * as tf from "@tensorflow/tfjs";
import { type LayerCall, type LayerCalls, layerCalls, passesMask } from "../forward.ts";
import type { RandomStep } from "../random_seed.ts";
import { Arena } from "./arena.ts";
import { Builder } from "./builder.ts";
import { type Block, type Operation, sizeOf, type Value, type Weight } from "./graph.ts";
import { planLayer } from "./layers/mod.ts";
import type { PlannedLayer } from "./layers/types.ts";
import type { PlanMemory } from "./memory.ts";
import { PlanError } from "./plan_error.ts";

/** The layers of a model as operations on one memory. */
export interface Plan {
  readonly memory: PlanMemory;
  readonly builder: Builder;
  readonly arena: Arena;
  readonly inputs: Value[];
  readonly outputs: Value[];
  /** Operations in the order of the forward pass. */
  readonly operations: Operation[];
}

/**
 * Plan the layers of a model. The caller adds what follows, such as losses, before it reserves the
 * arena.
 *
 * @param trained ids of the trained weights; undefined for inference
 * @param noise returns the step to draw for; undefined if TensorFlow.js draws the noise
 * @throws PlanError when a layer or its configuration is not supported
 */
export function planLayers(
  network: tf.LayersModel,
  memory: PlanMemory,
  trained?: Iterable<number>,
  noise?: () => RandomStep | undefined,
): Plan {
  const calls = layerCalls(network);
  if (calls === undefined) throw new PlanError("the model overrides call");
  const builder = new Builder(memory, trained, noise);
  const needed = neededCalls(calls);
  const uses = new Map<number, number>();
  for (const slot of [...needed.flatMap(({ inputs }) => inputs), ...calls.outputs]) {
    uses.set(slot, (uses.get(slot) ?? 0) + 1);
  }
  const values: Value[] = [];
  const define = (slot: number, value: Value): void => {
    values[slot] = value;
    builder.expectUses(value, uses.get(slot) ?? 0);
  };

  calls.inputs.forEach((slot, i) => define(slot, inputValue(builder, network.inputs[i])));
  const operations = needed.map((call) => {
    const inputs = call.inputs.map((slot) => values[slot]);
    const planned = planLayer(call.layer, inputs, builder, call);
    const { outputs, operation } = planned;
    const masks = masksOf(call, inputs, planned);
    call.outputs.forEach((slot, i) => {
      outputs[i].mask = masks?.[i];
      define(slot, outputs[i]);
    });
    return builder.finish({
      ...operation,
      backward: outputs.some(({ requiresGradient }) => requiresGradient)
        ? operation.backward
        : undefined,
    });
  });
  return {
    memory,
    builder,
    arena: new Arena(memory, builder.blocks),
    inputs: calls.inputs.map((slot) => values[slot]),
    outputs: calls.outputs.map((slot) => values[slot]),
    operations,
  };
}

/** Calls that the outputs depend on. An inner model may have unread outputs. */
function neededCalls({ calls, outputs }: LayerCalls): LayerCall[] {
  const read = new Set(outputs);
  return calls.toReversed().filter((call) => {
    const isNeeded = call.outputs.some((slot) => read.has(slot));
    if (isNeeded) { for (const slot of call.inputs) read.add(slot); }
    return isNeeded;
  }).toReversed();
}

function inputValue(builder: Builder, { shape, dtype }: tf.SymbolicTensor): Value {
  const row = shape.slice(1);
  if (row.includes(null)) throw new PlanError(`an input has no fixed size: [${shape}]`);
  if (dtype === "bool") throw new PlanError("an input is bool");
  const value = builder.value(row as number[], []);
  value.data.isWhole = dtype === "int32";
  // If possible, the kernels read the batch's tensor in place.
  if (builder.memory.holdsTensors) value.data.isReserved = false;
  return value;
}

/** The masks of a call's outputs. */
function masksOf(
  { layer, outputs }: LayerCall,
  inputs: Value[],
  { masks }: PlannedLayer,
): (Block | undefined)[] | undefined {
  const inputMasks = inputs.map(({ mask }) => mask);
  if (masks !== undefined || inputMasks.every((mask) => mask === undefined)) return masks;
  if (!layer.supportsMasking) return undefined;
  if (!passesMask(layer)) {
    throw new PlanError(`the mask computed by the layer ${layer.name} is not compiled`);
  }
  return outputs.map(() => inputMasks[0]);
}

/** Rows of a tensor on the host, which a plan reads without creating a tensor of them. */
export interface HostRows {
  readonly shape: number[];
  readonly size: number;
  readonly dtype: tf.DataType;
  /** Copy the values to index `at` of the memory's floats, and beyond. */
  copyTo(memory: Pick<PlanMemory, "floats">, at: number): void;
}

/**
 * Feed values to a block. A float32 tensor in the plan's memory is read in place, all others are
 * copied, and so are numbers that become whole.
 *
 * @returns false when the arena has to reserve memory for the block first
 */
export function feed(memory: PlanMemory, values: tf.Tensor | HostRows, block: Block): boolean {
  const isTensor = "dataId" in values;
  const isFloat = values.dtype === "float32";
  if (isTensor && memory.holdsTensors && isFloat && !block.isWhole) {
    block.address = memory.addressOf(values);
    return true;
  }
  if (!block.isReserved) {
    block.reserve();
    return false;
  }
  block.address = block.arenaAddress;
  const at = block.address >> 2;
  if (isTensor) memory.floats().set(memory.valuesOf(values), at);
  else values.copyTo(memory, at);
  if (isFloat && block.isWhole) {
    const copied = memory.floats().subarray(at, at + values.size);
    copied.set(new Int32Array(copied));
  }
  return true;
}

/** Feed the inputs of a model. Returns as {@linkcode feed}. */
export function feedInputs(
  memory: PlanMemory,
  values: readonly (tf.Tensor | HostRows)[],
  inputs: readonly Value[],
): boolean {
  let areReady = true;
  for (let i = 0; i < inputs.length; i++) {
    areReady = feed(memory, values[i], inputs[i].data) && areReady;
  }
  return areReady;
}

/** Feed the current values of the weights. */
export function feedWeights(memory: PlanMemory, weights: readonly Weight[]): void {
  for (const { variable, data } of weights) feed(memory, variable(), data);
}

/** Reason why rows cannot be fed: a shape differs. Undefined if they can. */
export function shapeError(
  what: string,
  rows: readonly { readonly shape: number[] }[],
  values: readonly Pick<Value, "shape">[],
): string | undefined {
  for (let i = 0; i < values.length; i++) {
    if (hasRowShape(rows[i].shape, values[i].shape)) continue;
    const expected = ["rows", ...values[i].shape];
    return `${what} of a batch has the shape [${rows[i].shape}], not [${expected}]`;
  }
}

/** Whether the shape of a tensor has this shape of a row. */
function hasRowShape(shape: number[], row: readonly number[]): boolean {
  if (shape.length !== row.length + 1) return false;
  for (let i = 0; i < row.length; i++) if (shape[i + 1] !== row[i]) return false;
  return true;
}

/** A copy of a block as a tensor. */
export function toTensor(
  engine: { makeTensor(values: tf.TypedArray, shape: number[], dtype: "float32"): tf.Tensor },
  memory: PlanMemory,
  { address }: Block,
  shape: number[],
): tf.Tensor {
  const from = address >> 2;
  return engine.makeTensor(
    memory.floats().slice(from, from + sizeOf(shape)),
    shape,
    "float32",
  );
}
