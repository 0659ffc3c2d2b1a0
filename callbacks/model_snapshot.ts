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
import {
  getOptimizerState,
  type OptimizerState,
  setOptimizerState,
} from "../tfjs/optimizer_state.ts";

/** The values of a {@linkcode ModelSnapshot}. */
export interface SnapshotState {
  weights: HostWeight[];
  optimizer: OptimizerState;
}

/** Copies of a model's weights and its optimizer's state, which can be restored once. */
export class ModelSnapshot {
  readonly #model: TrainableModel;
  readonly #weights: DeviceWeight[];
  readonly #optimizer: OptimizerState;

  private constructor(model: TrainableModel, weights: DeviceWeight[], optimizer: OptimizerState) {
    this.#model = model;
    this.#weights = weights;
    this.#optimizer = optimizer;
  }

  /** Copy the weights, which stay on the device, and the state of the optimizer. */
  static async take(model: TrainableModel): Promise<ModelSnapshot> {
    const optimizer = await getOptimizerState(model as never);
    return new ModelSnapshot(model, cloneWeights(model), optimizer);
  }

  /** Create a snapshot from the values of {@linkcode getState}, possibly of another process. */
  static async from(model: TrainableModel, state: SnapshotState): Promise<ModelSnapshot> {
    return new ModelSnapshot(model, await weightsFromHost(model, state.weights), state.optimizer);
  }

  /** The values as plain data. */
  async getState(): Promise<SnapshotState> {
    return { weights: await readWeights(this.#weights), optimizer: this.#optimizer };
  }

  /** Restore weights and optimizer, and dispose the copies. */
  async restore(): Promise<void> {
    try {
      assignWeights(this.#model, this.#weights);
      await setOptimizerState(this.#model as never, this.#optimizer);
    } finally {
      disposeWeights(this.#weights);
    }
  }
}
