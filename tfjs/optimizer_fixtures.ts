import * as tf from "@tensorflow/tfjs";

/** A custom optimizer: gradient descent with momentum, which names slots by variable. */
export class HeavyBall extends tf.Optimizer {
  static readonly className: string = "HeavyBall";
  readonly velocity: Record<string, tf.Tensor> = {};
  learningRate = 0.01;

  getConfig(): tf.serialization.ConfigDict {
    return {};
  }

  applyGradients(gradients: Parameters<tf.Optimizer["applyGradients"]>[0]): void {
    const named = Array.isArray(gradients)
      ? gradients
      : Object.entries(gradients).map(([name, tensor]) => ({ name, tensor }));
    for (const { name, tensor } of named) {
      const variable = tf.engine().registeredVariables[name];
      const old = this.velocity[name];
      this.velocity[name] = tf.keep(
        tf.tidy(() => old === undefined ? tensor.clone() : old.mul(0.9).add(tensor)),
      );
      old?.dispose();
      tf.tidy(() => variable.assign(variable.sub(this.velocity[name].mul(this.learningRate))));
    }
    this.incrementIterations();
  }

  override async getWeights(): ReturnType<tf.Optimizer["getWeights"]> {
    const slots = Object.entries(this.velocity).map(([name, tensor]) => ({ name, tensor }));
    return [await this.saveIterations(), ...slots];
  }

  override async setWeights(weights: Parameters<tf.Optimizer["setWeights"]>[0]): Promise<void> {
    for (const { name, tensor } of await this.extractIterations(weights)) {
      this.velocity[name]?.dispose();
      this.velocity[name] = tf.keep(tensor.clone());
    }
  }
}

/** The same without a way to read its slots. */
export class SealedBall extends HeavyBall {
  static override readonly className = "SealedBall";
  override getWeights = tf.Optimizer.prototype.getWeights;
}

/** TensorFlow.js's Adam with decoupled weight decay, under another class name. */
export class AdamW extends tf.AdamOptimizer {
  static override get className(): string {
    return "AdamW";
  }

  override applyGradients(gradients: Parameters<tf.AdamOptimizer["applyGradients"]>[0]): void {
    const names = Array.isArray(gradients)
      ? gradients.map(({ name }) => name)
      : Object.keys(gradients);
    for (const name of names) {
      const variable = tf.engine().registeredVariables[name];
      tf.tidy(() => variable.assign(variable.mul(0.99)));
    }
    super.applyGradients(gradients);
  }
}
for (const own of [HeavyBall, SealedBall, AdamW]) tf.serialization.registerClass(own as never);

/** Every optimizer of TensorFlow.js, with the options that add or remove slots. */
export const makeOptimizer: Record<string, () => tf.Optimizer> = {
  SGD: () => tf.train.sgd(0.1),
  Momentum: () => tf.train.momentum(0.1, 0.9),
  "Momentum of Nesterov": () => tf.train.momentum(0.1, 0.9, true),
  Adagrad: () => tf.train.adagrad(0.1),
  Adadelta: () => tf.train.adadelta(0.5),
  RMSProp: () => tf.train.rmsprop(0.05),
  "centered RMSProp": () => tf.train.rmsprop(0.05, 0.9, 0.1, 1e-7, true),
  Adam: () => tf.train.adam(0.05),
  Adamax: () => tf.train.adamax(0.05, 0.9, 0.999, 1e-7, 0.01),
};
