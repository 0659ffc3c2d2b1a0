import type * as tf from "@tensorflow/tfjs";
import {
  assignWeights,
  cloneWeights,
  type DeviceWeight,
  disposeWeights,
  type TrainableModel,
} from "../core/model.ts";
import {
  getOptimizerState,
  type OptimizerState,
  setOptimizerState,
} from "../tfjs/optimizer_state.ts";

/** Copies of a model's weights and of the state of its optimizer, to restore them once. */
export class ModelSnapshot {
  readonly #model: TrainableModel;
  readonly #weights: DeviceWeight[];
  readonly #optimizer: OptimizerState;

  private constructor(model: TrainableModel, optimizer: OptimizerState) {
    this.#model = model;
    this.#weights = cloneWeights(model);
    this.#optimizer = optimizer;
  }

  /** Copy the weights, which stay on the device, and the state of the optimizer. */
  static async take(model: TrainableModel): Promise<ModelSnapshot> {
    return new ModelSnapshot(model, await getOptimizerState(model.optimizer as tf.Optimizer));
  }

  /** Restore weights and optimizer, and dispose the copies. */
  async restore(): Promise<void> {
    try {
      assignWeights(this.#model, this.#weights);
      await setOptimizerState(this.#model.optimizer as tf.Optimizer, this.#optimizer);
    } finally {
      disposeWeights(this.#weights);
    }
  }
}
