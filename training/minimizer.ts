import type * as tf from "@tensorflow/tfjs";
import { alignSlots } from "../tfjs/align_slots.ts";
import { collectedWeights, type TrainableWeight, trainableWeights } from "../tfjs/compiled.ts";
import { minimizesItself, updateOf } from "../tfjs/update.ts";

/** Gradients in the order of the trained variables; none for a variable that is not trainable. */
export type Gradients = { name: string; tensor: tf.Tensor }[];

/** What is bound from one `compile` to the next. */
export interface Minimizer {
  readonly optimizer: tf.Optimizer;
  /** Whether a callback has compiled the model again since. */
  isOutdated(): boolean;
  /** Whether no variable is trainable now. */
  isFrozen(): boolean;
  /**
   * Update the variables by the gradients of the loss, and return the loss.
   *
   * @param observe is shown the gradients before the update
   */
  minimize(loss: () => tf.Scalar, observe?: (gradients: Gradients) => void): tf.Scalar;
  /** Update the variables by these gradients, which the caller keeps. */
  apply(gradients: Gradients): void;
  /** Whether the optimizer computes the gradients by itself, so that they cannot be given to it. */
  readonly minimizesItself: boolean;
}

/** The minimizer of a compiled model. */
export function minimizerOf(network: tf.LayersModel): Minimizer {
  const optimizer = network.optimizer as tf.Optimizer;
  const weights = collectedWeights(network);
  const trained = trainableWeights(network);
  const variables = trained.map((weight) => weight.read());
  alignSlots(optimizer, variables);
  const isFrozen = () => !variables.some(({ trainable }) => trainable);
  if (isFrozen()) {
    console.warn(
      "keepfit: the model has no trainable weights, so training changes none; set `trainable` of a " +
        "layer and compile the model again",
    );
  }
  const limited = trained.filter(({ constraint }) => constraint);
  const constrain = () => {
    for (const weight of limited) applyConstraint(weight);
  };
  const update = updateOf(optimizer);
  const ownMinimize = minimizesItself(optimizer);
  return {
    optimizer,
    isOutdated: () => network.optimizer !== optimizer || collectedWeights(network) !== weights,
    isFrozen,
    minimizesItself: ownMinimize,
    minimize(loss, observe) {
      if (isFrozen()) return loss();
      let value: tf.Scalar;
      if (ownMinimize) {
        value = optimizer.minimize(loss, true, variables) as tf.Scalar;
      } else {
        const { value: computed, grads } = optimizer.computeGradients(loss, variables);
        const gradients: Gradients = [];
        for (const { name } of variables) gradients.push({ name, tensor: grads[name] });
        observe?.(gradients);
        update(gradients);
        for (const { tensor } of gradients) tensor?.dispose();
        value = computed;
      }
      constrain();
      return value;
    },
    apply(gradients) {
      update(gradients);
      constrain();
    },
  };
}

/** As in Keras, after each update; TensorFlow.js's own fit leaves it out. */
function applyConstraint(weight: TrainableWeight): void {
  const variable = weight.read();
  if (variable.trainable) variable.assign(weight.constraint!.apply(variable) as tf.Variable);
}
