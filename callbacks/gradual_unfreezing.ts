import type * as tf from "@tensorflow/tfjs";
import { Callback, type CallbackOptions, type CallbackState } from "../core/callback.ts";
import type { TrainableModel } from "../core/model.ts";
import { didYouMean } from "../core/unknown_option.ts";
import { isLayered } from "../tfjs/layers.ts";
import { retrain } from "../tfjs/retrain.ts";
import {
  callbackOptions,
  checkOptions,
  checkValue,
  type OptionRule,
  verbosity,
} from "./options.ts";

/** Layers to unfreeze by 0-based epoch: `{ 2: "block_3", 5: ["block_1", "block_2"] }`. */
export type UnfreezingSchedule = { [epoch: number]: string | readonly string[] };

/** Options of {@linkcode GradualUnfreezing}. */
export interface GradualUnfreezingOptions extends CallbackOptions {
  /** Whether to print a line when layers are unfrozen. Default: 0. */
  verbose?: 0 | 1 | 2 | boolean;
}

/**
 * Unfreeze layers of a model epoch by epoch, for fine-tuning: the head is trained first, then the
 * layers below it.
 *
 * The layers of the schedule are frozen when training begins, and trained from the start of their
 * epoch. Other layers are unchanged. The model is compiled once, so the optimizer keeps its state
 * and its rate, which a LearningRateScheduler may lower. A resumed run, or one with an
 * `initialEpoch`, starts with the layers that are due by then. A layer in a nested model is named
 * by its path, `base/block_3`; the name of the nested model means all of its layers. After
 * training, all unfrozen layers stay trainable.
 *
 * Not in Keras, where a callback cannot change the trained weights.
 *
 * @example
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { fit, GradualUnfreezing } from "keepfit";
 * import assert from "node:assert/strict";
 *
 * const base = tf.layers.dense({ units: 2, inputShape: [1], name: "base" });
 * const model = tf.sequential({ layers: [base, tf.layers.dense({ units: 1, name: "head" })] });
 * model.compile({ optimizer: "adam", loss: "meanSquaredError" });
 * const [before] = base.getWeights()[0].dataSync();
 *
 * await fit(model, tf.ones([4, 1]), tf.ones([4, 1]), {
 *   epochs: 3,
 *   verbose: 0,
 *   callbacks: [
 *     new GradualUnfreezing({ 2: "base" }),
 *     { onEpochEnd: (epoch) => assert.equal(base.trainable, epoch >= 2) },
 *   ],
 * });
 * assert.notEqual(base.getWeights()[0].dataSync()[0], before);
 * ```
 */
export class GradualUnfreezing extends Callback {
  /** Name in messages and saved states. */
  static override readonly className: string = "GradualUnfreezing";

  /** Layers to unfreeze by epoch. */
  readonly schedule: UnfreezingSchedule;
  #verbose: boolean;
  /** Epoch of the currently trained layers; -1 before the first. */
  #epoch = -1;
  #isResumed = false;
  #hasModel = false;

  /**
   * Unfreeze layers by a schedule.
   *
   * @param schedule names of layers by epoch
   * @param options verbosity and name
   * @throws TypeError for a schedule that is not an object of names
   * @throws RangeError for an epoch that is not a whole number >= 0
   */
  constructor(schedule: UnfreezingSchedule, options: GradualUnfreezingOptions = {}) {
    super(options);
    checkValue("GradualUnfreezing", "schedule", schedule, scheduleRule);
    checkOptions(this, GradualUnfreezing, options, { ...callbackOptions, verbose: verbosity });
    for (const epoch of Object.keys(schedule)) {
      if (/^\d+$/.test(epoch)) continue;
      throw new RangeError(
        `Cannot create GradualUnfreezing with epoch ${epoch}: it must be a whole number >= 0`,
      );
    }
    this.schedule = schedule;
    this.#verbose = Boolean(options.verbose);
  }

  /**
   * Find the layers.
   *
   * @throws TypeError for a model without layers
   * @throws RangeError for a name that the model does not have
   */
  override setModel(model: TrainableModel): void {
    super.setModel(model);
    if (!isLayered(model)) {
      throw new TypeError("Cannot unfreeze layers: the model must be a tf.LayersModel");
    }
    const names = [...layersByPath(this.#layers).keys()];
    for (const name of Object.values(this.schedule).flat()) {
      if (names.includes(name)) continue;
      throw new RangeError(
        `Cannot unfreeze the layer ${JSON.stringify(name)}: the model has no layer of this name; ` +
          didYouMean(name, names),
      );
    }
    this.#hasModel = true;
    if (this.#isResumed) this.#apply(this.#epoch);
  }

  /** Freeze the layers that are not due yet. */
  override onTrainBegin(): void {
    if (!this.#isResumed) this.#apply(this.params?.initialEpoch ?? 0);
    this.#isResumed = false;
  }

  /** Unfreeze the layers of the epoch. */
  override onEpochBegin(epoch: number): void {
    const due = Object.keys(this.schedule).map(Number)
      .filter((first) => first > this.#epoch && first <= epoch);
    if (due.length === 0) return;
    this.#apply(epoch);
    if (!this.#verbose) return;
    const names = due.flatMap((first) => this.schedule[first]);
    console.log(`Epoch ${epoch + 1}: GradualUnfreezing trains ${names.join(", ")}`);
  }

  /** Discard a restored state with which no run has started. */
  override close(): void {
    this.#isResumed = false;
  }

  /** The epoch of the currently trained layers. */
  getState(): CallbackState {
    return { epoch: this.#epoch };
  }

  /**
   * Unfreeze the layers of the saved epoch, before the optimizer's state for them is restored.
   */
  setState(state: CallbackState): void {
    this.#epoch = state.epoch as number;
    this.#isResumed = true;
    if (this.#hasModel) this.#apply(this.#epoch);
  }

  get #layers(): tf.layers.Layer[] {
    return (this.model as unknown as tf.LayersModel).layers;
  }

  /** Train the layers that are due in this epoch, and freeze those of later ones. */
  #apply(epoch: number): void {
    this.#epoch = epoch;
    const layers = layersByPath(this.#layers);
    const due = Object.entries(this.schedule).sort(([a], [b]) => Number(b) - Number(a));
    // In descending order, because a layer that is named twice is trained from its first epoch.
    for (const [first, names] of due) {
      for (const name of [names].flat()) {
        const { layer, around } = layers.get(name) as FoundLayer;
        const isTrained = Number(first) <= epoch;
        if (isTrained) around.forEach(open);
        layer.trainable = isTrained;
      }
    }
    retrain(this.model as unknown as tf.LayersModel);
  }
}

const scheduleRule: OptionRule = {
  types: ["object"],
  expected: 'names of layers by epoch, such as { 2: "block_3" }',
  isValid: (schedule: unknown) =>
    typeof schedule === "object" && schedule !== null && !Array.isArray(schedule) &&
    Object.keys(schedule).length > 0 &&
    Object.values(schedule).flat().every((name) => typeof name === "string"),
};

interface FoundLayer {
  layer: tf.layers.Layer;
  /** Enclosing models, without the outermost, from the outside in. */
  around: tf.LayersModel[];
}

/** All layers by their paths, including those of nested models. */
function layersByPath(
  layers: tf.layers.Layer[],
  around: tf.LayersModel[] = [],
): Map<string, FoundLayer> {
  const found = new Map<string, FoundLayer>();
  for (const layer of layers) {
    found.set([...around, layer].map(({ name }) => name).join("/"), { layer, around });
    if (!("layers" in layer)) continue;
    const model = layer as tf.LayersModel;
    for (const entry of layersByPath(model.layers, [...around, model])) found.set(...entry);
  }
  return found;
}

/** Make a nested model trainable, so that its unfrozen layers are trained. */
function open(model: tf.LayersModel): void {
  if (model.trainable) return;
  for (const layer of model.layers) layer.trainable = false;
  model.trainable = true;
}
