import type * as tf from "@tensorflow/tfjs";
import type { Engine } from "../tfjs/engine.ts";
import type { Agreement } from "../tfjs/plan/agreement.ts";
import { rememberStep, tryPlan } from "../tfjs/plan/describe.ts";
import type { PlanMemory } from "../tfjs/plan/memory.ts";
import { watchSettings } from "../tfjs/plan/watch_settings.ts";

/**
 * Whether the steps of a run are compiled, like Keras's `jit_compile`: `"auto"` compiles what it
 * can and uses TensorFlow.js for the rest, `true` throws if a step cannot be compiled, `false`
 * never compiles.
 */
export type JitCompile = boolean | "auto";

/** Computes steps, compiled if possible. */
export interface MaybeCompiled<Input, Output> {
  /**
   * Compute a step.
   *
   * @param tape computes the step with TensorFlow.js
   */
  run(input: Input, tape: (input: Input) => Output): Output;
  /** Release its memory. */
  dispose(): void;
}

/** Recompile when a callback has changed the settings of a layer between two batches. */
export function recompileOnChange<Input, Output>(
  network: tf.LayersModel,
  make: () => MaybeCompiled<Input, Output>,
): MaybeCompiled<Input, Output> {
  let current = make();
  let isOutdated = watchSettings(network);
  return {
    run(input, tape) {
      if (isOutdated()) {
        current.dispose();
        current = make();
        isOutdated = watchSettings(network);
      }
      return current.run(input, tape);
    },
    dispose: () => current.dispose(),
  };
}

/**
 * Create the plan of a model.
 *
 * @returns undefined if that is not possible
 * @throws TypeError if that is not possible with `jitCompile: true`
 */
export function planIfPossible<Plan>(
  engine: Engine,
  network: tf.LayersModel,
  jitCompile: JitCompile,
  make: (memory: PlanMemory) => Plan,
): Plan | undefined {
  const plan = jitCompile ? tryPlan(engine, make) : "jitCompile is false";
  rememberStep(engine, network, typeof plan === "string" ? plan : undefined);
  if (typeof plan !== "string") return plan;
  if (jitCompile === true) throw new TypeError(`Cannot compile the step: ${plan}`);
}

/** Warn that the results differ from those of TensorFlow.js, which computes the steps from now on. */
export function fallBack(engine: Engine, network: tf.LayersModel, { reason }: Agreement): void {
  rememberStep(engine, network, reason);
  console.warn(
    `keepfit: the compiled step is not used: ${reason}; please report the model, and pass ` +
      "jitCompile: false to silence this",
  );
}
