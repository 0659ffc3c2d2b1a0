import type * as tf from "@tensorflow/tfjs";
import { alignSlots } from "../tfjs/align_slots.ts";
import {
  collectedWeights,
  type TrainableWeight,
  trainableWeights,
} from "../tfjs/trained_weights.ts";
import { minimizesItself, updateOf } from "../tfjs/update.ts";

/** Gradients in the order of the trained variables, without variables that are not trainable. */
export type Gradients = { name: string; tensor: tf.Tensor }[];

/** State that is bound from one `compile` to the next. */
export interface Minimizer {
  readonly optimizer: tf.Optimizer;
  /** Whether a callback has compiled the model again, possibly with another network. */
  isOutdated(network: tf.LayersModel): boolean;
  /** Whether no variable is currently trainable. */
  isFrozen(): boolean;
  /** Update the variables with the gradients of the loss, and return the loss. */
  minimize(loss: () => tf.Scalar): tf.Scalar;
  /** Compute the gradients of a loss; the caller disposes them. */
  differentiate(loss: () => tf.Scalar): Gradients;
  /** Update the variables with these gradients, which the caller keeps. */
  apply(gradients: Gradients): void;
  /** Whether the optimizer computes the gradients itself and does not accept them. */
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
  const constrain = () => {
    // A callback may set or remove one.
    for (const weight of trained) if (weight.constraint) applyConstraint(weight);
  };
  const update = updateOf(optimizer);
  const ownMinimize = minimizesItself(optimizer);
  const gradientsOf = (grads: tf.NamedTensorMap): Gradients =>
    variables.map(({ name }) => ({ name, tensor: grads[name] }));
  return {
    optimizer,
    isOutdated: (latest) => latest.optimizer !== optimizer || collectedWeights(latest) !== weights,
    isFrozen,
    minimizesItself: ownMinimize,
    minimize(loss) {
      if (isFrozen()) return loss();
      let value: tf.Scalar;
      if (ownMinimize) {
        value = optimizer.minimize(loss, true, variables) as tf.Scalar;
      } else {
        const computed = optimizer.computeGradients(loss, variables);
        const gradients = gradientsOf(computed.grads);
        update(gradients);
        for (const { tensor } of gradients) tensor?.dispose();
        value = computed.value;
      }
      constrain();
      return value;
    },
    differentiate(loss) {
      const { value, grads } = optimizer.computeGradients(loss, variables);
      value.dispose();
      return gradientsOf(grads);
    },
    apply(gradients) {
      update(gradients);
      constrain();
    },
  };
}

/** Apply a constraint after an update, as in Keras; TensorFlow.js's fit does not. */
function applyConstraint(weight: TrainableWeight): void {
  const variable = weight.read();
  if (variable.trainable) variable.assign(weight.constraint!.apply(variable) as tf.Variable);
}
