/** Warnings of a training run, each given once. */
export class TrainWarnings {
  #hasWarnedOfLoss = false;
  #hasWarnedOfUnfrozen = false;

  /** The first epoch is not before the last one. */
  noEpoch(initialEpoch: number, epochs: number): void {
    console.warn(
      `keepfit: fit trains no epoch: initialEpoch is ${initialEpoch}, epochs ${epochs} ` +
        `(the number to stop before, not a count)`,
    );
  }

  /** A layer became trainable after the model was compiled. */
  unfrozenLayer(epoch: number): void {
    if (this.#hasWarnedOfUnfrozen) return;
    this.#hasWarnedOfUnfrozen = true;
    console.warn(
      `keepfit: a layer was unfrozen after the model was compiled, and is not trained; call ` +
        `model.compile again, or use GradualUnfreezing (epoch ${epoch})`,
    );
  }

  /** The loss of an epoch is NaN or infinite. */
  loss(epoch: number, loss: number): void {
    if (this.#hasWarnedOfLoss) return;
    this.#hasWarnedOfLoss = true;
    const cause = Number.isNaN(loss) ? "NaN" : "an infinite value";
    console.warn(
      `keepfit: the loss of epoch ${epoch} is ${loss}: the data holds ${cause}, or the learning ` +
        `rate is too high; TerminateOnNaN stops such a run at its first batch`,
    );
  }
}
