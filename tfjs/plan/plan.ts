import type * as tf from "@tensorflow/tfjs";
import { type LayerCall, type LayerCalls, layerCalls, passesMask } from "../forward.ts";
import type { RandomStep } from "../random_seed.ts";
import { Arena } from "./arena.ts";
import {
  type Block,
  Builder,
  NotPlanned,
  type Operation,
  sizeOf,
  type Value,
  type Weight,
} from "./builder.ts";
import { planLayer } from "./layers/mod.ts";
import type { PlannedLayer } from "./layers/types.ts";
import type { PlanMemory } from "./memory.ts";

/** The layers of a model as operations on one piece of memory. */
export interface Plan {
  readonly memory: PlanMemory;
  readonly builder: Builder;
  readonly arena: Arena;
  readonly inputs: Value[];
  readonly outputs: Value[];
  /** In the order of the forward pass. */
  readonly operations: Operation[];
}

/**
 * Plan the layers of a model. What comes after them, such as a loss, is added by the caller, who then
 * makes the arena's place.
 *
 * @param trained ids of the weights that are trained; undefined for inference
 * @param noise the step that is drawn for; undefined where TensorFlow.js draws
 * @throws NotPlanned when a layer, or the way in which it is configured, is not compiled
 */
export function planLayers(
  network: tf.LayersModel,
  memory: PlanMemory,
  trained?: Iterable<number>,
  noise?: () => RandomStep | undefined,
): Plan {
  const calls = layerCalls(network);
  if (calls === undefined) throw new NotPlanned("the model has a call of its own");
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
      backward: outputs.some(({ isDifferentiated }) => isDifferentiated)
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

/** The calls that outputs are computed from: of an inner model not all outputs may be read. */
function neededCalls({ calls, outputs }: LayerCalls): LayerCall[] {
  const read = new Set(outputs);
  return calls.toReversed().filter((call) => {
    const isNeeded = call.outputs.some((slot) => read.has(slot));
    if (isNeeded) { for (const slot of call.inputs) read.add(slot); }
    return isNeeded;
  }).toReversed();
}

function inputValue(builder: Builder, { shape }: tf.SymbolicTensor): Value {
  const row = shape.slice(1);
  if (row.includes(null)) throw new NotPlanned(`an input has no fixed size: [${shape}]`);
  const value = builder.value(row as number[], []);
  // Its numbers are read where the batch has them, if possible.
  if (builder.memory.holdsTensors) value.data.isUsed = false;
  return value;
}

/** The masks of a call's outputs. */
function masksOf(
  { layer, outputs }: LayerCall,
  inputs: Value[],
  { masks }: PlannedLayer,
): (Block | undefined)[] | undefined {
  const given = inputs.map(({ mask }) => mask);
  if (masks !== undefined || given.every((mask) => mask === undefined)) return masks;
  if (!layer.supportsMasking) return undefined;
  if (!passesMask(layer)) {
    throw new NotPlanned(`the mask that the layer ${layer.name} makes is not compiled`);
  }
  return outputs.map(() => given[0]);
}

/**
 * Bring a tensor to a block: numbers that the memory has as float32 are read where they are.
 *
 * @returns false when the block has no place yet
 */
export function feed(memory: PlanMemory, tensor: tf.Tensor, block: Block): boolean {
  if (memory.holdsTensors && tensor.dtype === "float32") {
    block.at = memory.addressOf(tensor);
    return true;
  }
  if (!block.isUsed) {
    block.use();
    return false;
  }
  block.at = block.home;
  memory.floats().set(memory.valuesOf(tensor), block.at >> 2);
  return true;
}

/** Bring the current values of the weights. */
export function feedWeights(memory: PlanMemory, weights: readonly Weight[]): void {
  for (const { variable, data } of weights) feed(memory, variable(), data);
}

/** A tensor's rows, if it has the shape of a value in each. */
export function fits({ shape }: tf.Tensor, value: Pick<Value, "shape">): boolean {
  return shape.length === value.shape.length + 1 &&
    value.shape.every((size, i) => size === shape[i + 1]);
}

/** A copy of a value as a tensor. */
export function toTensor(
  engine: { makeTensor(values: tf.TypedArray, shape: number[], dtype: "float32"): tf.Tensor },
  memory: PlanMemory,
  { at }: Block,
  shape: number[],
): tf.Tensor {
  const from = at >> 2;
  return engine.makeTensor(
    memory.floats().slice(from, from + sizeOf(shape)),
    shape,
    "float32",
  );
}
