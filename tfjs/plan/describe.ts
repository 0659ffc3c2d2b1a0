import type * as tf from "@tensorflow/tfjs";
import { compiledParts, networkOf } from "../compiled.ts";
import { type Engine, getEngine } from "../engine.ts";
import type { LayersModel } from "../types.ts";
import { NotPlanned } from "./builder.ts";
import { type PlanMemory, planMemory } from "./memory.ts";
import { planPrediction } from "./predict_plan.ts";
import { planStep } from "./step_plan.ts";

/** How the steps of a model are computed. */
export interface StepDescription {
  /** Whether they are compiled, or computed by TensorFlow.js layer by layer. */
  isCompiled: boolean;
  /** Why they are not compiled. Default: undefined. */
  reason?: string;
}

const lastOnes = new WeakMap<tf.LayersModel, { backend: unknown; description: StepDescription }>();

/** Remember how the steps of a network are computed on the current backend. */
export function rememberStep({ backend }: Engine, network: tf.LayersModel, reason?: string): void {
  const description = { isCompiled: reason === undefined, ...(reason && { reason }) };
  lastOnes.set(network, { backend, description });
}

/** What is planned, or why it cannot be. */
export function tryPlan<Plan>(engine: Engine, make: (memory: PlanMemory) => Plan): Plan | string {
  const memory = planMemory(engine);
  if (typeof memory === "string") return memory;
  try {
    return make(memory);
  } catch (error) {
    if (error instanceof NotPlanned) return error.message;
    throw error;
  }
}

/**
 * How `fit`, `evaluate` and `predict` compute the steps of a model: as the last run did, or, before
 * the first one, as a run on the current backend will.
 *
 * Compiled steps are a fixed list of kernel calls on one piece of memory. They are possible on the
 * wasm and cpu backends, for models whose layers all are known; losses, metrics, regularizers,
 * constraints and optimizers may be the user's own. The first batch of a run is computed both ways;
 * where the numbers differ, TensorFlow.js goes on alone.
 *
 * @param model a `tf.LayersModel` or `tf.Sequential`; one that is not compiled can only predict
 * @returns whether the steps are compiled, and why not
 * @throws TypeError when it is no model, or not built
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
  const last = lastOnes.get(network);
  if (last !== undefined && last.backend === engine.backend) return { ...last.description };
  const isTrained = Boolean((model as unknown as { optimizer?: unknown }).optimizer);
  const plan = tryPlan(
    engine,
    (memory) =>
      isTrained
        ? planStep(engine, compiledParts(model, "describe the step"), memory, true, neverCalled)
        : planPrediction(engine, network, memory),
  );
  if (typeof plan === "string") return { isCompiled: false, reason: plan };
  plan.dispose();
  return { isCompiled: true };
}

const neverCalled = {
  loss: () => undefined as never,
  metric: () => undefined as never,
};
