import type * as tf from "@tensorflow/tfjs";
import type { Compiled } from "../tfjs/compiled.ts";
import { type Engine, isWatched } from "../tfjs/engine.ts";
import { Agreement } from "../tfjs/plan/agreement.ts";
import { NotPlanned } from "../tfjs/plan/builder.ts";
import { planMemory, type PlanMemory } from "../tfjs/plan/memory.ts";
import { planPrediction } from "../tfjs/plan/predict_plan.ts";
import { type Computed, planStep } from "../tfjs/plan/step_plan.ts";
import { keepsNoGradients } from "../tfjs/update.ts";
import type { Batch } from "./data/data.ts";
import { makeLoss, measureOne, withFloats } from "./losses.ts";
import type { Gradients, Minimizer } from "./minimizer.ts";
import type { PackedMeasures } from "./step.ts";

/**
 * Whether the steps of a run are compiled, as Keras's `jit_compile`: `"auto"` compiles where it can
 * and has TensorFlow.js compute the rest, `true` throws where it cannot, `false` never compiles.
 */
export type JitCompile = boolean | "auto";

/** A way to compute steps which may be compiled. */
export interface MaybeCompiled<Input, Output, Check> {
  /**
   * Compute a step.
   *
   * @param tape computes it by TensorFlow.js: with gradients to be shown, or from other inputs
   */
  run(input: Input, tape: (check: Check) => Output): Output;
  /** Release what it holds. */
  dispose(): void;
}

type StepRunner = MaybeCompiled<
  Batch,
  PackedMeasures,
  ((gradients: Gradients) => void) | undefined
>;

/** How the steps of a model are computed. */
export interface StepDescription {
  /** Whether they are compiled. */
  isCompiled: boolean;
  /** Why they are not. Default: undefined. */
  reason?: string;
}

const descriptions = new WeakMap<tf.LayersModel, StepDescription>();

/** How the last steps of a network were computed. */
export function descriptionOf(network: tf.LayersModel): StepDescription | undefined {
  return descriptions.get(network);
}

/**
 * The compiled step of a model, where there can be one. The first batch is computed both ways; where
 * the numbers differ, TensorFlow.js goes on alone.
 *
 * @param minimizer of a training step
 * @throws TypeError with `jitCompile: true`, when the step cannot be compiled
 */
export function compileStep(
  engine: Engine,
  compiled: Compiled,
  jitCompile: JitCompile,
  minimizer?: Minimizer,
): StepRunner {
  const { network } = compiled;
  const loss = makeLoss(compiled);
  const plan = tryPlan(engine, network, jitCompile, (memory) => {
    if (minimizer?.minimizesItself) {
      throw new NotPlanned("the optimizer has a minimize of its own");
    }
    return planStep(engine, compiled, memory, minimizer !== undefined, {
      loss: (output, prediction, batch) => loss(output, withFloats(batch), prediction),
      metric: (index, prediction, batch) =>
        measureOne(compiled.metrics[index], withFloats(batch), prediction),
    });
  });
  if (plan === undefined) return { run: (_, tape) => tape(undefined), dispose: () => {} };

  const { backend } = engine;
  let isTrusted: boolean | undefined;
  /** Compute a batch both ways. */
  const rehearse: StepRunner["run"] = (batch, tape) => {
    let computed: Computed;
    try {
      computed = plan.compute(batch);
    } catch (error) {
      isTrusted = false;
      describe(network, (error as Error).message);
      return tape(undefined);
    }
    const numbers = computed.values.slice();
    const agreement = new Agreement();
    const result = tape((gradients) => agreement.compareGradients(computed.gradients, gradients));
    if (!Array.isArray(result.values)) return result;
    agreement.compareMeasures(numbers, result.values, batch.size, compiled);
    isTrusted = agreement.verdict();
    if (isTrusted === false) giveUp(network, agreement);
    return result;
  };
  return {
    run(batch, tape) {
      if (
        isTrusted === false || engine.backend !== backend || isWatched(engine) ||
        !plan.accepts(batch)
      ) return tape(undefined);
      if (isTrusted === undefined) return rehearse(batch, tape);
      const computed = plan.compute(batch);
      if (minimizer !== undefined && !minimizer.isFrozen()) {
        applyGradients(engine, minimizer, computed.gradients);
      }
      plan.commit();
      return computed;
    },
    dispose: () => plan.dispose(),
  };
}

/** The compiled prediction of a model, where there can be one; checked by its first batch. */
export function compilePredictStep(
  engine: Engine,
  network: tf.LayersModel,
  jitCompile: JitCompile,
): MaybeCompiled<tf.Tensor[], tf.Tensor[], tf.Tensor[]> {
  const plan = tryPlan(
    engine,
    network,
    jitCompile,
    (memory) => planPrediction(engine, network, memory),
  );
  if (plan === undefined) return { run: (inputs, tape) => tape(inputs), dispose: () => {} };
  const { backend } = engine;
  let isTrusted: boolean | undefined;
  return {
    run(inputs, tape) {
      if (
        isTrusted === false || engine.backend !== backend || isWatched(engine) ||
        !plan.accepts(inputs)
      ) return tape(inputs);
      const outputs = plan.compute(inputs);
      if (isTrusted !== undefined) return outputs;
      const agreement = new Agreement();
      const few = engine.tidy(() => {
        const expected = tape(inputs.map(firstRows));
        outputs.forEach((output, i) =>
          agreement.compareOutputs(firstRows(output).dataSync(), expected[i].dataSync())
        );
        return agreement.verdict();
      }) as unknown as boolean | undefined;
      isTrusted = few;
      if (isTrusted !== false) return outputs;
      giveUp(network, agreement);
      for (const output of outputs) output.dispose();
      return tape(inputs);
    },
    dispose: () => plan.dispose(),
  };
}

/** Rows of a prediction that are compared. */
const comparedRows = 4;

function firstRows(tensor: tf.Tensor): tf.Tensor {
  const [rows, ...row] = tensor.shape;
  return tensor.slice([0, ...row.map(() => 0)], [Math.min(rows, comparedRows), ...row]);
}

function tryPlan<Plan>(
  engine: Engine,
  network: tf.LayersModel,
  jitCompile: JitCompile,
  make: (memory: PlanMemory) => Plan,
): Plan | undefined {
  if (jitCompile === false) {
    describe(network, "jitCompile is false");
    return undefined;
  }
  let reason: string;
  try {
    const memory = planMemory(engine);
    if (typeof memory !== "string") {
      const plan = make(memory);
      describe(network);
      return plan;
    }
    reason = memory;
  } catch (error) {
    if (!(error instanceof NotPlanned)) throw error;
    reason = error.message;
  }
  if (jitCompile === true) throw new TypeError(`Cannot compile the step: ${reason}`);
  describe(network, reason);
}

function describe(network: tf.LayersModel, reason?: string): void {
  descriptions.set(network, { isCompiled: reason === undefined, reason });
}

/** The step gave other numbers than TensorFlow.js, which goes on alone. */
function giveUp(network: tf.LayersModel, { reason }: Agreement): void {
  describe(network, reason);
  console.warn(
    `keepfit: the compiled step is not used: ${reason}; please report the model, and pass ` +
      "jitCompile: false to silence this",
  );
}

/** Update the variables by the gradients of a plan, which overwrites them in the next step. */
function applyGradients(engine: Engine, minimizer: Minimizer, gradients: Gradients): void {
  const isPlain = keepsNoGradients(minimizer.optimizer);
  engine.tidy(() => {
    minimizer.apply(gradients.map(({ name, tensor }) => {
      const { trainable } = engine.registeredVariables[name];
      // None, as TensorFlow.js has none.
      if (!trainable) return { name, tensor: undefined as unknown as tf.Tensor };
      return { name, tensor: isPlain ? tensor : copyOf(engine, tensor) };
    }));
  });
}

function copyOf(engine: Engine, tensor: tf.Tensor): tf.Tensor {
  return engine.makeTensor(tensor.dataSync().slice(), tensor.shape, "float32");
}
