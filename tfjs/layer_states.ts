import {
  type HostWeight,
  readTensors,
  type TrainableModel,
  type WeightTensor,
} from "../core/model.ts";
import { matchNames, renumbered } from "../core/weight_names.ts";
import type { Engine } from "./engine.ts";

/** State of a recurrent layer after the last batch, named by the path of the layer. */
export interface LayerStates {
  name: string;
  states: HostWeight[];
}

/** A problem with saved states of other layers, or of other batch sizes. */
export interface StatesMisfit {
  /** A sentence part. */
  remark: string;
  /** True for states of batches of another size. */
  isOfOtherBatches: boolean;
}

/** A stateful layer of TensorFlow.js: `SimpleRNN`, `LSTM`, `GRU`, `ConvLSTM2D`, `RNN`. */
interface StatefulLayer {
  readonly states: (WeightTensor | null)[];
  resetStates(states?: unknown[], isTraining?: boolean): void;
}

/** A layer and its possible inner layers. */
interface AnyLayer extends Partial<StatefulLayer> {
  readonly name: string;
  readonly stateful?: boolean;
  readonly layers?: AnyLayer[];
  /** Layer inside a wrapper; that of a Bidirectional is only the template of its two. */
  readonly layer?: AnyLayer;
  readonly forwardLayer?: AnyLayer;
  readonly backwardLayer?: AnyLayer;
}

/** The states of all stateful layers, on the device: later batches do not change them. */
export class TakenStates {
  readonly #taken: { name: string; states: WeightTensor[] }[];

  /** @param model a model, possibly with nested models */
  constructor(model: TrainableModel) {
    const found = [...statefulLayers(model)];
    const names = renumbered(found.map(([name]) => `${name}/`));
    this.#taken = found.map(([, { states }], i) => ({
      name: names[i].slice(0, -1),
      states: states.map((state) => (state as WeightTensor).clone()),
    }));
  }

  /** The values. */
  async read(): Promise<LayerStates[]> {
    return await Promise.all(
      this.#taken.map(async ({ name, states }) => ({ name, states: await readTensors(states) })),
    );
  }

  /** Release them. */
  dispose(): void {
    for (const { states } of this.#taken) for (const state of states) state.dispose();
    this.#taken.length = 0;
  }
}

/** States of all stateful layers of a model, live or saved. */
export async function readStates(
  model: TrainableModel,
  taken?: TakenStates,
): Promise<LayerStates[]> {
  if (taken !== undefined) return await taken.read();
  const present = new TakenStates(model);
  try {
    return await present.read();
  } finally {
    present.dispose();
  }
}

/** Saved states without a layer in the model, and layers without a saved state. */
export function misfitsOf(model: TrainableModel, saved: LayerStates[]): StatesMisfit[] {
  const misfits: StatesMisfit[] = [];
  const layers = [...statefulLayers(model)];
  const places = placesOf(layers, saved);
  layers.forEach(([name, { states }], i) => {
    const kept = saved[places[i]]?.states;
    if (kept === undefined) {
      misfits.push({
        remark: `the states of layer '${name}' start at zero: the backup has none`,
        isOfOtherBatches: false,
      });
    } else if (!isSameShape(states, kept)) {
      const rows = (of: { shape: number[] } | null | undefined) => of?.shape[0];
      misfits.push({
        remark: `the states of layer '${name}' are of batches of ${rows(kept[0])} rows, this run ` +
          `has ${rows(states[0])}`,
        isOfOtherBatches: true,
      });
    }
  });
  for (const [i, { name }] of saved.entries()) {
    if (places.includes(i)) continue;
    misfits.push({
      remark: `the states of layer '${name}' are ignored: this model has no stateful layer of ` +
        `that name`,
      isOfOtherBatches: false,
    });
  }
  return misfits;
}

/** Restore saved states in the layers of the same names and shapes. */
export function assignStates(engine: Engine, model: TrainableModel, saved: LayerStates[]): void {
  const layers = [...statefulLayers(model)];
  const places = placesOf(layers, saved);
  layers.forEach(([, layer], i) => {
    const kept = saved[places[i]]?.states;
    if (kept === undefined || !isSameShape(layer.states, kept)) return;
    const tensors = kept.map(({ values, shape, dtype }) =>
      engine.makeTensor(values.slice(), shape, dtype as "float32")
    );
    layer.resetStates(tensors);
    for (const tensor of tensors) tensor.dispose();
  });
}

/** Index of each layer among the saved ones; -1 if there is none. */
function placesOf(layers: [string, StatefulLayer][], saved: LayerStates[]): number[] {
  const path = (name: string) => `${name}/`;
  return matchNames(saved.map(({ name }) => path(name)), layers.map(([name]) => path(name)));
}

function isSameShape(states: readonly (WeightTensor | null)[], kept: HostWeight[]): boolean {
  const shapes = (of: readonly ({ shape: number[] } | null)[]) =>
    of.map((one) => `[${one?.shape}]`);
  return String(shapes(states)) === String(shapes(kept));
}

/** The stateful layers by path: the enclosing models, and the name. */
function statefulLayers(model: TrainableModel): Map<string, StatefulLayer> {
  const found = new Map<string, StatefulLayer>();
  const visited = new Set<AnyLayer>();
  const visit = (layer: AnyLayer, path: string): void => {
    // A layer that several models share has one state.
    if (visited.has(layer)) return;
    visited.add(layer);
    if (layer.stateful && typeof layer.resetStates === "function" && hasStates(layer)) {
      found.set(path, layer as StatefulLayer);
    }
    for (const inner of insideOf(layer)) visit(inner, `${path}/${inner.name}`);
  };
  for (const layer of insideOf(model as unknown as AnyLayer)) visit(layer, layer.name);
  return found;
}

function insideOf({ layers, layer, forwardLayer, backwardLayer }: AnyLayer): AnyLayer[] {
  const wrapped = forwardLayer === undefined ? [layer] : [forwardLayer, backwardLayer];
  return layers ?? wrapped.filter((inner) => inner !== undefined);
}

function hasStates({ states }: AnyLayer): boolean {
  return Array.isArray(states) && states.length > 0 && !states.includes(null);
}
