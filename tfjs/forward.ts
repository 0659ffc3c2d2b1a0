import type * as tf from "@tensorflow/tfjs";
import type { Engine } from "./engine.ts";
import { applyNoise, withCellNoise } from "./noise.ts";

/** Outputs of a forward pass. */
export interface Outputs {
  tensors: tf.Tensor[];
  /** Mask of each output's steps: false for padding. Undefined if nothing is masked. */
  masks: (tf.Tensor | undefined)[];
}

/** A forward pass of one model; in training mode layers such as dropout are active. */
export type ForwardPass = (inputs: tf.Tensor[], isTraining: boolean) => Outputs;

/** Parts of a layer that its type hides. */
export type InternalLayer = tf.layers.Layer & {
  stateful: boolean;
  /** Layer inside a wrapper such as `timeDistributed`. */
  layer?: tf.layers.Layer;
  /** Inner model of a `Sequential`. */
  model?: tf.LayersModel;
  build?(): void;
};

/** A call of a layer. Values are identified by slot numbers. */
export interface LayerCall {
  layer: InternalLayer;
  /** Number of the call in the model. */
  number: number;
  inputs: number[];
  outputs: number[];
  /** The layer and the models around it, for a BatchNormalization: all must be trainable. */
  statistics: { readonly trainable: boolean }[] | undefined;
  /** Values that no later call needs. */
  released: number[];
}

/** The calls of a forward pass, in order. */
export interface LayerCalls {
  inputs: number[];
  calls: LayerCall[];
  outputs: number[];
}

const known = new WeakMap<tf.LayersModel, LayerCalls>();

/** The calls of a model, those of nested models among them; undefined if it overrides `call`. */
export function layerCalls(network: tf.LayersModel): LayerCalls | undefined {
  if (!isGraph(network)) return undefined;
  let calls = known.get(network);
  if (calls === undefined) known.set(network, calls = expandCalls(network));
  return calls;
}

/**
 * The forward pass of a model, layer by layer in the order of TensorFlow.js. Unlike its own pass:
 *
 * - each call of a layer has its own arguments. TensorFlow.js shares one object, in which a
 *   recurrent layer leaves its state, and a mask remains for layers it is not meant for;
 * - masks pass through nested models, and the masks of the outputs are returned;
 * - a frozen BatchNormalization uses its moving averages and leaves them unchanged, as in Keras;
 * - a layer with several outputs is called once rather than once per output;
 * - in a step of `fit`, dropout and noise draw from the stream of the run.
 *
 * Inputs are cast to the types that the model declares. A model that overrides `call` runs it.
 */
export function forwardPass(engine: Engine, network: tf.LayersModel): ForwardPass {
  const calls = layerCalls(network);
  if (calls === undefined) return ownPass(network);
  return (inputs, isTraining) => {
    const outputs = {} as Outputs;
    engine.tidy(() => {
      const { tensors, masks } = run(engine, calls, asDeclared(network, inputs), isTraining);
      outputs.tensors = tensors;
      outputs.masks = masks;
      return [...tensors, ...masks] as tf.Tensor[];
    });
    return outputs;
  };
}

/** The pass of a model that overrides `call`; in inference it gets no arguments. */
function ownPass(network: tf.LayersModel): ForwardPass {
  return (inputs, isTraining) => {
    const found = network.call(asDeclared(network, inputs), isTraining ? { training: true } : {});
    const tensors = Array.isArray(found) ? found : [found];
    return { tensors, masks: tensors.map(() => undefined) };
  };
}

/** Types of numbers in TensorFlow.js. A model from Keras may declare others, such as int64. */
const numberTypes: ReadonlySet<string> = new Set(["float32", "int32", "bool"]);

/** Inputs with the types that a model declares for them, as in TensorFlow.js and Keras. */
function asDeclared({ inputs: declared }: tf.LayersModel, inputs: tf.Tensor[]): tf.Tensor[] {
  return inputs.map((tensor, i) => {
    const { dtype } = declared[i];
    return tensor.dtype === dtype || !numberTypes.has(dtype) ? tensor : tensor.cast(dtype);
  });
}

function run(
  engine: Engine,
  { inputs: given, calls, outputs }: LayerCalls,
  tensors: tf.Tensor[],
  isTraining: boolean,
) {
  const values: tf.Tensor[] = [];
  const masks: (tf.Tensor | null | undefined)[] = [];
  given.forEach((slot, i) => values[slot] = tensors[i]);
  for (const call of calls) {
    const { layer } = call;
    const inputs = call.inputs.map((slot) => values[slot]);
    const inputMasks = call.inputs.map((slot) => masks[slot] ?? null) as tf.Tensor[];
    const kwargs: { training?: boolean; mask?: tf.Tensor } = {};
    if (isTraining) kwargs.training = !isFrozen(call);
    if (inputMasks.some((mask) => mask !== null)) kwargs.mask = inputMasks[0];
    const noisy = isTraining && !isChanged(layer)
      ? applyNoise(engine, layer, inputs[0], call.number)
      : undefined;
    const apply = () => layer.apply(inputs, kwargs);
    const made = [
      noisy ?? (isTraining ? withCellNoise(engine, layer, call.number, apply) : apply()),
    ].flat() as tf.Tensor[];
    const mask = layer.supportsMasking ? layer.computeMask(inputs, inputMasks) : null;
    call.outputs.forEach((slot, i) => {
      // The last output of a recurrent layer is also its state: each is disposed separately.
      values[slot] = made.indexOf(made[i]) < i ? made[i].clone() : made[i];
      masks[slot] = Array.isArray(mask) ? mask[mask.length === made.length ? i : 0] : mask;
    });
    // In training the gradients need them.
    if (isTraining) continue;
    for (const slot of call.released) if (!values[slot].isDisposed) values[slot].dispose();
  }
  return {
    tensors: outputs.map((slot) => values[slot]),
    masks: outputs.map((slot) => masks[slot] ?? undefined),
  };
}

/** Whether a method of a layer was replaced, or a hook observes its calls. */
export function isChanged(layer: object): boolean {
  return Object.hasOwn(layer, "call") || Object.hasOwn(layer, "apply") ||
    Object.hasOwn(layer, "computeMask") || Boolean((layer as { _callHook?: unknown })._callHook);
}

/** Whether the mask of a layer's output is that of its input, if it supports masks. */
export function passesMask(layer: InternalLayer): boolean {
  return Object.hasOwn(ownerOf(layer, "computeMask"), "countParams");
}

/** Whether a BatchNormalization has to use its moving averages. */
export function isFrozen({ layer, statistics }: LayerCall): boolean {
  if (statistics === undefined) return false;
  // A frozen model may only have changed its weights' flags. Two weights are the averages.
  return !statistics.every(({ trainable }) => trainable) ||
    (layer.weights.length > 2 && layer.trainableWeights.length === 0);
}

function expandCalls(network: tf.LayersModel): LayerCalls {
  const calls: LayerCall[] = [];
  let slots = network.inputs.length;
  const inputs = network.inputs.map((_, i) => i);
  const around = modelsAround(network);

  /** Add the calls of a model; returns the slots of its outputs. */
  const expand = (model: tf.LayersModel, given: number[]): number[] => {
    const slotOf = new Map(model.inputs.map((symbol, i) => [symbol, given[i]]));
    for (const symbol of inOrder(model)) {
      if (slotOf.has(symbol)) continue;
      const layer = symbol.sourceLayer as InternalLayer;
      const taken = symbol.inputs.map((input) => slotOf.get(input) as number);
      const made = nodeOf(symbol).outputTensors;
      const inner = graphOf(layer);
      let outputs: number[];
      if (inner === undefined) {
        outputs = made.map(() => slots++);
        const statistics = isNormalization(layer) ? [layer, ...around.get(layer) ?? []] : undefined;
        const number = calls.length;
        calls.push({ layer, number, inputs: taken, outputs, statistics, released: [] });
      } else {
        outputs = expand(inner, taken);
      }
      made.forEach((one, i) => slotOf.set(one, outputs[i]));
    }
    return model.outputs.map((symbol) => slotOf.get(symbol) as number);
  };

  const outputs = expand(network, inputs);
  releaseEarly(calls, [...inputs, ...outputs]);
  return { inputs, calls, outputs };
}

/** The models around each layer. The first model of a Sequential is not called as a layer. */
function modelsAround(model: tf.LayersModel): Map<tf.layers.Layer, tf.LayersModel[]> {
  const found = new Map<tf.layers.Layer, tf.LayersModel[]>();
  const walk = (inside: tf.LayersModel, models: tf.LayersModel[]): void => {
    for (const layer of inside.layers) {
      found.set(layer, models);
      if ("layers" in layer) walk(layer as tf.LayersModel, [layer as tf.LayersModel, ...models]);
    }
  };
  walk(model, [model]);
  return found;
}

/** Record after which call each value can be disposed. A stateful layer keeps its outputs. */
function releaseEarly(calls: LayerCall[], kept: number[]): void {
  const stay = new Set(kept);
  for (const { layer, outputs } of calls) if (layer.stateful) outputs.forEach((s) => stay.add(s));
  for (const call of calls.toReversed()) {
    for (const slot of [...call.inputs, ...call.outputs]) {
      if (stay.has(slot)) continue;
      stay.add(slot);
      call.released.push(slot);
    }
  }
}

/** The values of a model that are computed, each after its inputs. */
function inOrder(model: tf.LayersModel): tf.SymbolicTensor[] {
  const visited = new Set(model.inputs);
  const sorted: tf.SymbolicTensor[] = [];
  const visit = (symbol: tf.SymbolicTensor): void => {
    if (visited.has(symbol)) return;
    visited.add(symbol);
    // The last input first, as in TensorFlow.js, so that layers draw random numbers in its order.
    for (const input of symbol.inputs.toReversed()) visit(input);
    sorted.push(symbol);
  };
  for (const output of model.outputs) visit(output);
  return sorted;
}

/** The layer call that produced a value. */
function nodeOf(symbol: tf.SymbolicTensor): { outputTensors: tf.SymbolicTensor[] } {
  const nodes = symbol.sourceLayer.inboundNodes;
  return nodes.find(({ outputTensors }) => outputTensors.includes(symbol)) ?? nodes[0];
}

/** The graph that a layer computes, if it is a model. */
function graphOf(layer: InternalLayer): tf.LayersModel | undefined {
  if (!("layers" in layer)) return undefined;
  if (layer.getClassName() !== "Sequential") {
    return isGraph(layer as unknown as tf.LayersModel)
      ? layer as unknown as tf.LayersModel
      : undefined;
  }
  // A custom class may override it.
  if (!Object.hasOwn(ownerOf(layer, "call"), "pop")) return undefined;
  if (!layer.model) layer.build?.();
  return layer.model;
}

/** Whether a model just computes its graph. */
function isGraph(model: tf.LayersModel): boolean {
  return Object.hasOwn(ownerOf(model, "call"), "runInternalGraph");
}

/** The object or prototype that has the method. */
function ownerOf(object: object, method: string): object {
  let owner = object;
  while (!Object.hasOwn(owner, method)) owner = Object.getPrototypeOf(owner);
  return owner;
}

/** Whether it is a BatchNormalization, even of a derived class or inside a wrapper. */
function isNormalization(layer: InternalLayer): boolean {
  let type = layer.constructor as { className?: string } | null;
  for (; type !== null; type = Object.getPrototypeOf(type)) {
    if (type.className === "BatchNormalization") return true;
  }
  return layer.layer !== undefined && isNormalization(layer.layer as InternalLayer);
}
