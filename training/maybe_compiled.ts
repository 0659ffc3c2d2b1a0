import type * as tf from "@tensorflow/tfjs";
import type { Engine } from "../tfjs/engine.ts";
import { tryPlan } from "../tfjs/plan/describe.ts";
import type { PlanMemory } from "../tfjs/plan/memory.ts";
import { watchSettings } from "../tfjs/plan/watch_settings.ts";
import type { StepReport } from "./step_report.ts";

/**
 * Whether the steps of a run are compiled, like Keras's `jit_compile`: `"auto"` compiles what it
 * can and uses TensorFlow.js for the rest, `true` throws if a step cannot be compiled, `false`
 * never compiles.
 */
export type JitCompile = boolean | "auto";

/** How the steps of a run are to be computed. */
export interface CompileOptions {
  jitCompile: JitCompile;
  /** Receives how they are computed. */
  report: StepReport;
}

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

/** Recompile when a callback has changed a layer's settings, or the backend, between batches. */
export function recompileOnChange<Input, Output>(
  engine: Engine,
  network: tf.LayersModel,
  make: () => MaybeCompiled<Input, Output>,
): MaybeCompiled<Input, Output> {
  let { backend } = engine;
  let current = make();
  let isOutdated = watchSettings(network);
  return {
    run(input, tape) {
      if (isOutdated() || engine.backend !== backend) {
        current.dispose();
        ({ backend } = engine);
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
  options: CompileOptions,
  make: (memory: PlanMemory) => Plan,
): Plan | undefined {
  const { jitCompile, report } = options;
  if (!jitCompile) {
    report.declined(network);
    return undefined;
  }
  const plan = tryPlan(engine, make);
  if (typeof plan === "string") {
    fallBack(network, plan, options);
    return undefined;
  }
  report.compiled(network);
  return plan;
}

/**
 * Report that TensorFlow.js computes a batch, or all that follow.
 *
 * @param isWrong whether the compiled step computed different numbers
 * @throws TypeError with `jitCompile: true`
 */
export function fallBack(
  network: tf.LayersModel,
  reason: string,
  { jitCompile, report }: CompileOptions,
  isWrong = false,
): void {
  if (jitCompile === true) throw new TypeError(`Cannot compile the step: ${reason}`);
  if (isWrong) report.disagreed(network, reason);
  else report.fellBack(network, reason);
}
