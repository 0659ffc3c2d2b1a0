import type * as tf from "@tensorflow/tfjs";
import type { StepDescription } from "../core/history.ts";
import type { Engine } from "../tfjs/engine.ts";
import { rememberStep } from "../tfjs/plan/describe.ts";

/** How a run reports the way in which its steps are computed. */
export interface ReportOptions {
  /** Verbosity of the run; 0 prints no hint. Default: `"auto"`. */
  verbose?: 0 | 1 | 2 | "auto";
  /** Whether it is the validation of a fit, which reports how it trains. Default: false. */
  isValidation?: boolean;
  /** Called with each new description. */
  describe?(description: StepDescription): void;
}

/** The hints that were printed for each model. */
const hints = new WeakMap<tf.LayersModel, Set<string>>();

/**
 * Reports whether the steps of a run are compiled: to `describeStep`, to the history of the run, and
 * with one line for each model and reason.
 */
export class StepReport {
  readonly #engine: Engine;
  readonly #options: ReportOptions;

  constructor(engine: Engine, options: ReportOptions = {}) {
    this.#engine = engine;
    this.#options = options;
  }

  /** The steps are compiled. */
  compiled(network: tf.LayersModel): void {
    this.#describe(network, { isCompiled: true });
  }

  /** TensorFlow.js computes the steps because the user asked for it. */
  declined(network: tf.LayersModel): void {
    this.#describe(network, { isCompiled: false, reason: "jitCompile is false" });
  }

  /** TensorFlow.js computes a batch, or all of them, because they cannot be compiled. */
  fellBack(network: tf.LayersModel, reason: string): void {
    this.#describe(network, { isCompiled: false, reason });
    const { verbose, isValidation } = this.#options;
    // Elsewhere no step is compiled, whatever the model.
    const isCompiling = ["cpu", "wasm"].includes(this.#engine.backendName);
    if (verbose === 0 || isValidation || !isCompiling) return;
    const printed = hints.get(network) ?? new Set();
    hints.set(network, printed);
    if (printed.has(reason)) return;
    printed.add(reason);
    console.warn(
      `keepfit: TensorFlow.js computes the steps of this run, which is slower than compiled steps: ` +
        `${reason}; docs/compiled_steps.md lists what is compiled, jitCompile: false hides this hint`,
    );
  }

  /** A compiled step computed other numbers than TensorFlow.js, which computes the rest of the run. */
  disagreed(network: tf.LayersModel, reason: string): void {
    this.#describe(network, { isCompiled: false, reason });
    console.warn(
      `keepfit: the compiled step is not used: ${reason}; please report the model, and pass ` +
        "jitCompile: false to silence this",
    );
  }

  #describe(network: tf.LayersModel, description: StepDescription): void {
    if (this.#options.isValidation) return;
    rememberStep(this.#engine, network, description);
    this.#options.describe?.({ ...description });
  }
}
