import type * as tf from "@tensorflow/tfjs";
import { type HostWeight, readWeights, type TrainableModel } from "../core/model.ts";
import { getEngine } from "./engine.ts";
import { networkOf } from "./network.ts";
import { trainableVariables } from "./trained_weights.ts";
import type { Tensor } from "./types.ts";

/** Options of {@linkcode exponentialMovingAverage}. */
export interface MovingAverageOptions {
  /** Momentum: part of the old average that each update keeps, 0 to 1. Default: 0.99. */
  momentum?: number;
  /**
   * Number of updates after which the averages replace the weights. Default: only at the end of
   * `fit`.
   */
  overwriteFrequency?: number;
}

/**
 * Moving averages of the weights that an optimizer trains, created by {@linkcode
 * exponentialMovingAverage}. Swapping weights and averages copies nothing.
 */
export class MovingAverage {
  /** Momentum. */
  readonly momentum: number;
  /** Number of updates after which the averages replace the weights; undefined for never. */
  readonly overwriteFrequency: number | undefined;
  /** By name of the variable, in the order of the first update. */
  readonly #averages = new Map<string, Tensor>();
  // Averages of a restored state, until their variables are known.
  #restored: NamedAverage[] = [];
  #isInModel = false;

  /**
   * Start without averages; the first update creates them.
   *
   * @param options see {@linkcode exponentialMovingAverage}
   */
  constructor({ momentum = 0.99, overwriteFrequency }: MovingAverageOptions) {
    if (!(momentum >= 0 && momentum <= 1)) {
      throw new RangeError(
        `Cannot average the weights with momentum ${momentum}: it must be 0 to 1`,
      );
    }
    const isFrequency = Number.isSafeInteger(overwriteFrequency) && Number(overwriteFrequency) >= 1;
    if (overwriteFrequency !== undefined && !isFrequency) {
      throw new RangeError(
        `Cannot average the weights with overwriteFrequency ${overwriteFrequency}: it must be a ` +
          `whole number >= 1`,
      );
    }
    this.momentum = momentum;
    this.overwriteFrequency = overwriteFrequency;
  }

  /** Whether the averages are in the model and the weights are kept here. */
  get isInModel(): boolean {
    return this.#isInModel;
  }

  /**
   * Swap the averages into the model. Does nothing if they are in it, or before the first update.
   */
  swapIn(model: TrainableModel): void {
    if (!this.#isInModel) this.#isInModel = this.#exchange(model);
  }

  /** Swap the weights back into the model. Does nothing if they are in it. */
  swapOut(model: TrainableModel): void {
    if (this.#isInModel) this.#isInModel = !this.#exchange(model);
  }

  /**
   * Replace the weights of the model by their averages for good. The weights are lost, even if they
   * were kept here while the averages were in the model.
   */
  finalize(model: TrainableModel): void {
    this.#adopt(model);
    for (const [name, average] of this.#averages) {
      const variable = variableOf(name);
      if (this.#isInModel) this.#put(name, variable.clone(), average);
      else variable.assign(average);
    }
    this.#isInModel = false;
  }

  /**
   * Update the averages after an update of these variables; called by the optimizer.
   *
   * @param names names of the variables
   * @param iterations number of the update, from 1, or of the one that is being accumulated
   * @param starts whether the averages start again as the weights. Default: false
   */
  update(names: string[], iterations: number, starts = false): void {
    this.#name(names);
    const keptPart = Math.fround(this.momentum);
    const newPart = Math.fround(1 - keptPart);
    const overwrites = this.overwriteFrequency !== undefined &&
      iterations % this.overwriteFrequency === 0;
    const engine = getEngine();
    engine.tidy(() => {
      for (const name of names) {
        const variable = variableOf(name);
        const old = this.#averages.get(name);
        const average = old === undefined || starts
          ? variable.clone()
          : old.mul(keptPart).add(variable.mul(newPart));
        this.#put(name, engine.keep(average), old);
        if (overwrites) variable.assign(average);
      }
    });
  }

  /**
   * Current averages under the names of their variables, in the order of the trained weights. The
   * caller disposes them.
   */
  takeState(): { name: string | undefined; tensor: Tensor }[] {
    const averages = [...this.#averages].map(([name, kept]) => ({
      name,
      tensor: this.#isInModel ? variableOf(name) : kept,
    }));
    const taken = this.#restored.length > 0 ? this.#restored : averages;
    return taken.map(({ name, tensor }) => ({ name, tensor: tensor.clone() }));
  }

  /** Averages as host values, in the order of the trained weights. */
  async getState(): Promise<HostWeight[]> {
    const taken = this.takeState();
    try {
      return await readWeights(taken);
    } finally {
      for (const { tensor } of taken) tensor.dispose();
    }
  }

  /**
   * Restore averages. They are matched with trained variables by name, or by order if none has one
   * of these names.
   */
  setState(averages: HostWeight[]): void {
    this.dispose();
    const engine = getEngine();
    this.#restored = averages.map(({ name, values, shape, dtype }) => ({
      name,
      tensor: engine.makeTensor(values.slice() as tf.TypedArray, shape, dtype as tf.DataType),
    }));
  }

  /** Discard the averages. */
  dispose(): void {
    for (const average of this.#averages.values()) average.dispose();
    for (const { tensor } of this.#restored) tensor.dispose();
    this.#averages.clear();
    this.#restored = [];
    this.#isInModel = false;
  }

  #exchange(model: TrainableModel): boolean {
    this.#adopt(model);
    for (const [name, average] of this.#averages) {
      const variable = variableOf(name);
      const value = variable.clone();
      variable.assign(average);
      this.#put(name, value, average);
    }
    return this.#averages.size > 0;
  }

  #put(name: string, value: Tensor, old: Tensor | undefined): void {
    this.#averages.set(name, value);
    old?.dispose();
  }

  /** Match restored averages with the variables of the trained model. */
  #adopt(model: TrainableModel): void {
    if (this.#restored.length === 0) return;
    const network = networkOf(model as unknown as tf.LayersModel, "average the weights");
    this.#name(trainableVariables(network).map(({ name }) => name));
  }

  #name(names: string[]): void {
    if (this.#restored.length === 0) return;
    const restored = this.#restored;
    const isNamed = restored.some(({ name }) => name !== undefined && names.includes(name));
    const places = names.map((name, i) =>
      isNamed ? restored.findIndex((one) => one.name === name) : i
    );
    const shapeOf = (one: Tensor | undefined) => `[${one?.shape ?? "none"}]`;
    const shapes = names.map((name) => shapeOf(variableOf(name))).join(", ");
    const kept = isNamed ? places.map((at) => restored[at]) : restored;
    // A weight that was not trained before has no average yet.
    const fits = kept.length === names.length &&
      kept.every((one, i) =>
        one === undefined || shapeOf(one.tensor) === shapeOf(variableOf(names[i]))
      );
    if (!fits) {
      throw new RangeError(
        `Cannot restore the moving average: it is of weights ` +
          `${kept.map((one) => shapeOf(one?.tensor)).join(", ")}, trained are ${shapes}`,
      );
    }
    names.forEach((name, i) => {
      if (kept[i] !== undefined) this.#averages.set(name, kept[i].tensor);
    });
    for (const one of restored) if (!kept.includes(one)) one.tensor.dispose();
    this.#restored = [];
  }
}

/** An average under the name of its variable; undefined if that is unknown. */
interface NamedAverage {
  name: string | undefined;
  tensor: Tensor;
}

function variableOf(name: string): tf.Variable {
  return getEngine().registeredVariables[name];
}
