import type * as tf from "@tensorflow/tfjs";
import { getEngine } from "./engine.ts";
import { splitName } from "./optimizer_names.ts";
import { type InternalOptimizer, optimizerClassOf, type Slot } from "./optimizers.ts";

/**
 * Sort the slots of an optimizer by the variables that are trained from now on. TensorFlow.js finds
 * a slot by the index of its variable, so that an optimizer that is compiled again with other
 * frozen layers would train one weight with the moments of another. A variable that was not trained
 * before gets fresh slots; those of a variable that is no longer trained are disposed.
 */
export function alignSlots(optimizer: tf.Optimizer, variables: readonly tf.Variable[]): void {
  const internals = optimizer as InternalOptimizer;
  const names = variables.map(({ name }) => name);
  for (const field of optimizerClassOf(optimizer)?.slots ?? []) {
    const slots = internals[field] ?? [];
    const places = slots.map(({ originalName }) => splitName(originalName, names)[0]);
    const isAligned = slots.length === names.length && places.every((at, i) => at === i);
    // Slots that were restored without a model may have other names.
    if (isAligned || places.every((at) => at < 0)) continue;
    const suffix = suffixOf(slots, places, names);
    internals[field] = variables.map((variable, i) =>
      slots[places.indexOf(i)] ?? freshSlot(internals, variable, suffix)
    );
    slots.forEach(({ variable }, i) => {
      if (places[i] < 0) variable.dispose();
    });
  }
}

/** Suffix of the names of these slots: `/m`. */
function suffixOf(slots: Slot[], places: number[], names: string[]): string {
  const known = places.findIndex((at) => at >= 0);
  return slots[known].originalName.slice(names[places[known]].length);
}

function freshSlot(optimizer: InternalOptimizer, variable: tf.Variable, suffix: string): Slot {
  const engine = getEngine();
  // Adagrad alone begins above 0.
  const { initialAccumulatorValue = 0 } = optimizer as { initialAccumulatorValue?: number };
  const values = new Float32Array(variable.size).fill(initialAccumulatorValue);
  const tensor = engine.makeTensor(values, variable.shape, "float32");
  const slot = engine.makeVariable(tensor, false);
  tensor.dispose();
  return { originalName: variable.name + suffix, variable: slot };
}
