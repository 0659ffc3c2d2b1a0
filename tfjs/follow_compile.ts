import type * as tf from "@tensorflow/tfjs";
import { type Compiled, compiledParts } from "./compiled.ts";
import type { NetworkInternals } from "./network.ts";

/**
 * The compiled state of a model, updated when a callback recompiles the model during a run:
 * optimizer, trained weights and losses are then the new ones, metrics stay those of the run.
 *
 * @param first state at the start of the run
 * @returns a function that returns the same object until the model is recompiled
 * @throws TypeError when the new losses need targets of other shapes
 */
export function followCompile(model: tf.LayersModel, first: Compiled): () => Compiled {
  const isSequential = model.getClassName() === "Sequential";
  let latest = first;
  return () => {
    // Sequential creates another inner model with each compile.
    const network = isSequential ? (model as unknown as NetworkInternals).model : model;
    const { lossFunctions } = network as unknown as NetworkInternals;
    if (network === latest.network && lossFunctions === latest.losses) return latest;
    const next = compiledParts(model, "continue with the recompiled model");
    if (String(next.targetShapes) !== String(first.targetShapes)) {
      throw new TypeError(
        "Cannot continue with the recompiled model: its new loss needs targets of a different " +
          "shape",
      );
    }
    return latest = { ...next, metrics: first.metrics, directions: first.directions };
  };
}
