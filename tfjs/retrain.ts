import type * as tf from "@tensorflow/tfjs";
import { getEngine } from "./engine.ts";
import { initialValue } from "./fit_optimizer_state.ts";
import { networkOf } from "./network.ts";
import {
  type InternalOptimizer,
  optimizerClassOf,
  optimizerOf,
  type Slot,
  slotFieldsOf,
} from "./optimizers.ts";
import { type TrainableWeight, trainableWeights } from "./trained_weights.ts";

/**
 * Train the weights that are trainable now, from the next update on: like `compile`, but without a
 * new optimizer. Slots of the other weights stay theirs, although TensorFlow.js identifies them
 * only by index.
 *
 * @throws TypeError when the model is not compiled
 */
export function retrain(model: tf.LayersModel): void {
  const network = networkOf(model, "train other weights");
  const optimizer = optimizerOf(network, "train other weights");
  const before = trainableWeights(network);
  const after = network.trainableWeights as unknown as TrainableWeight[];
  const known = optimizerClassOf(optimizer);
  if (known !== undefined) {
    for (const field of slotFieldsOf(optimizer, known)) {
      const slots = (optimizer as InternalOptimizer)[field] ?? [];
      if (slots.length === 0) continue;
      const made = after.map((weight) => {
        const at = before.indexOf(weight);
        return slots[at] ?? freshSlot(optimizer, weight, slots[0].originalName);
      });
      for (const slot of slots) if (!made.includes(slot)) slot.variable.dispose();
      (optimizer as InternalOptimizer)[field] = made;
    }
  }
  (network as unknown as { collectedTrainableWeights: unknown }).collectedTrainableWeights = after;
}

/** A slot as the optimizer would create it with its first update. */
function freshSlot(optimizer: tf.Optimizer, weight: TrainableWeight, sibling: string): Slot {
  const { name, shape } = weight.read();
  const size = shape.reduce((product, length) => product * length, 1);
  const values = new Float32Array(size).fill(initialValue(optimizer));
  const engine = getEngine();
  const tensor = engine.makeTensor(values, shape, "float32");
  const variable = engine.makeVariable(tensor, false);
  tensor.dispose();
  return { originalName: name + sibling.slice(sibling.lastIndexOf("/")), variable };
}
