import type { StateValue } from "../core/callback.ts";
import {
  assignWeights,
  cloneWeights,
  type DeviceWeight,
  disposeWeights,
  type HostWeight,
  readWeights,
  type TrainableModel,
  weightsFromHost,
} from "../core/model.ts";

/** A copy of a model's weights: on the device, or on the host after a state was restored. */
export class KeptWeights {
  #onDevice: DeviceWeight[] | undefined;
  // Restored weights stay on the host until they are needed, because there may be no model yet.
  #onHost: HostWeight[] | undefined;

  /** Whether no weights are kept. */
  get isEmpty(): boolean {
    return this.#onDevice === undefined && this.#onHost === undefined;
  }

  /** Replace the kept weights by the current ones. */
  keep(model: TrainableModel): void {
    this.clear();
    this.#onDevice = cloneWeights(model);
  }

  /** Copy the kept weights into the model, if any. */
  assignTo(model: TrainableModel): void | Promise<void> {
    if (this.#onDevice !== undefined) assignWeights(model, this.#onDevice);
    else if (this.#onHost !== undefined) return assignHostWeights(model, this.#onHost);
  }

  /** Release the kept weights. */
  clear(): void {
    disposeWeights(this.#onDevice ?? []);
    this.#onDevice = undefined;
    this.#onHost = undefined;
  }

  /** The kept weights as plain data; undefined if there are none. */
  async getState(): Promise<StateValue | undefined> {
    const weights = this.#onDevice === undefined ? this.#onHost : await readWeights(this.#onDevice);
    return weights?.map((weight) => ({ ...weight }));
  }

  /** Replace the kept weights by those of {@linkcode getState}. */
  setState(state: StateValue | undefined): void {
    this.clear();
    this.#onHost = state as HostWeight[] | undefined;
  }
}

async function assignHostWeights(model: TrainableModel, kept: HostWeight[]): Promise<void> {
  const weights = await weightsFromHost(model, kept);
  try {
    assignWeights(model, weights);
  } finally {
    disposeWeights(weights);
  }
}
