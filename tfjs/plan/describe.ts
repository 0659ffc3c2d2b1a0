import type * as tf from "@tensorflow/tfjs";
import type { StepDescription } from "../../core/history.ts";
import { compiledParts } from "../compiled.ts";
import { type Engine, getEngine } from "../engine.ts";
import { networkOf } from "../network.ts";
import type { LayersModel } from "../types.ts";
import { type PlanMemory, planMemory } from "./memory.ts";
import { PlanError } from "./plan_error.ts";
import { planPrediction } from "./predict_plan.ts";
import { planStep } from "./step_plan.ts";

const lastDescriptions = new WeakMap<
  tf.LayersModel,
  { backend: unknown; description: StepDescription }
>();

/** Record how the steps of a network are computed on the current backend. */
export function rememberStep(
  { backend }: Engine,
  network: tf.LayersModel,
  description: StepDescription,
): void {
  lastDescriptions.set(network, { backend, description });
}

/** Create a plan; returns the reason if that is not possible. */
export function tryPlan<Plan>(engine: Engine, make: (memory: PlanMemory) => Plan): Plan | string {
  const memory = planMemory(engine);
  if (typeof memory === "string") return memory;
  try {
    return make(memory);
  } catch (error) {
    memory.release();
    if (error instanceof PlanError) return error.message;
    throw error;
  }
}

/**
 * Describe how `fit`, `evaluate` and `predict` compute the steps of a model: as in the last run,
 * or, before the first run, as a run on the current backend will.
 *
 * A compiled step is a fixed list of kernel calls on one memory. It requires the wasm or cpu
 * backend and a model whose layers are all supported. Losses, metrics, regularizers, constraints
 * and optimizers may be custom. The first batch is computed both ways, unless an equal step was
 * verified before. If the results differ, TensorFlow.js computes the other batches alone.
 *
 * @param model a `tf.LayersModel` or `tf.Sequential`; without `compile` it is described for `predict`
 * @returns whether the steps are compiled, and the reason if they are not
 * @throws TypeError for anything but a model, and for a model that is not built
 * @example
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { describeStep } from "keepfit";
 * import assert from "node:assert/strict";
 *
 * const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [2] })] });
 * model.compile({ optimizer: "adam", loss: "meanSquaredError" });
 *
 * assert.deepEqual(describeStep(model), { isCompiled: true });
 * ```
 */
export function describeStep(model: LayersModel): StepDescription {
  const network = networkOf(model, "describe the step");
  const engine = getEngine();
  const last = lastDescriptions.get(network);
  if (last !== undefined && last.backend === engine.backend) return { ...last.description };
  const isTrained = Boolean((model as unknown as { optimizer?: unknown }).optimizer);
  const plan = tryPlan(
    engine,
    (memory) =>
      isTrained
        ? planStep(engine, compiledParts(model, "describe the step"), memory, true, unusedFallbacks)
        : planPrediction(engine, network, memory),
  );
  if (typeof plan === "string") return { isCompiled: false, reason: plan };
  plan.dispose();
  return { isCompiled: true };
}

const unusedFallbacks = {
  loss: () => undefined as never,
  metric: () => undefined as never,
};
