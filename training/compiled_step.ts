import type * as tf from "@tensorflow/tfjs";
import type { Compiled } from "../tfjs/compiled.ts";
import { disposeTape, type Engine, isWatched } from "../tfjs/engine.ts";
import { PlanError } from "../tfjs/plan/plan_error.ts";
import { type Fallbacks, planStep, type StepResults } from "../tfjs/plan/step_plan.ts";
import type { NoiseSource } from "../tfjs/random_seed.ts";
import { keepsNoGradients } from "../tfjs/update.ts";
import type { Batch } from "./data/data.ts";
import { makeLoss, measureOne, withFloats } from "./losses.ts";
import {
  type CompileOptions,
  fallBack,
  type MaybeCompiled,
  planIfPossible,
  recompileOnChange,
} from "./maybe_compiled.ts";
import type { Gradients, Minimizer } from "./minimizer.ts";
import type { PackedMeasures } from "./step.ts";
import { makeVerifier } from "./verify_step.ts";

type StepRunner = MaybeCompiled<Batch, PackedMeasures>;

/**
 * The train or test step of a model, compiled if possible. The first rows are computed both ways,
 * unless an equal step was verified before. If the results differ, only TensorFlow.js is used from
 * then on.
 *
 * @param minimizer computes and applies gradients; undefined for a test step
 * @param noise source of the random numbers of dropout and noise layers
 * @throws TypeError with `jitCompile: true`, if the step cannot be compiled
 */
export function compileStep(
  engine: Engine,
  compiled: Compiled,
  options: CompileOptions,
  minimizer?: Minimizer,
  noise?: NoiseSource,
): StepRunner {
  const make = () => compileOnce(engine, compiled, options, minimizer, noise);
  return options.jitCompile ? recompileOnChange(engine, compiled.network, make) : make();
}

function compileOnce(
  engine: Engine,
  compiled: Compiled,
  options: CompileOptions,
  minimizer?: Minimizer,
  noise?: NoiseSource,
): StepRunner {
  const { network } = compiled;
  const loss = makeLoss(compiled);
  const plan = planIfPossible(engine, network, options, (memory) => {
    if (minimizer?.minimizesItself) {
      throw new PlanError("the optimizer has its own minimize");
    }
    const fallbacks: Fallbacks = {
      loss: (output, prediction, batch, mask) => loss(output, withFloats(batch), prediction, mask),
      metric: (index, prediction, batch, mask) =>
        measureOne(compiled.metrics[index], withFloats(batch), prediction, mask),
    };
    return planStep(engine, compiled, memory, minimizer !== undefined, fallbacks, noise);
  });
  if (plan === undefined) return { run: (batch, tape) => tape(batch), dispose: () => {} };

  const verify = makeVerifier(engine, compiled, plan, minimizer, noise);
  let isVerified: boolean | undefined;
  const compute = (batch: Batch): StepResults | undefined => {
    if (isVerified) return plan.compute(batch);
    const { verdict, reason, results } = verify(batch);
    isVerified = verdict;
    if (isVerified !== false) return results;
    fallBack(network, reason, options, true);
  };
  return {
    run(batch, tape) {
      if (isVerified === false || isWatched(engine)) return tape(batch);
      const rejection = plan.rejection(batch);
      if (rejection !== undefined) {
        fallBack(network, rejection, options);
        return tape(batch);
      }
      let computed: StepResults | undefined;
      try {
        computed = compute(batch);
      } catch (error) {
        disposeTape(engine);
        if (!(error instanceof PlanError)) throw error;
        isVerified = false;
        fallBack(network, error.message, options);
      }
      if (computed === undefined) return tape(batch);
      if (minimizer !== undefined && !minimizer.isFrozen()) {
        applyGradients(engine, minimizer, computed.gradients);
      }
      plan.commit();
      return computed;
    },
    dispose: () => plan.dispose(),
  };
}

/** Apply the gradients of a plan, which overwrites them in the next step. */
function applyGradients(engine: Engine, minimizer: Minimizer, gradients: Gradients): void {
  const isPlain = keepsNoGradients(minimizer.optimizer);
  const { registeredVariables } = engine;
  engine.tidy(() => {
    if (isPlain && gradients.every(({ name }) => registeredVariables[name].trainable)) {
      minimizer.apply(gradients);
      return;
    }
    minimizer.apply(gradients.map(({ name, tensor }) => {
      // TensorFlow.js has no gradient of an untrained variable either.
      if (!registeredVariables[name].trainable) {
        return { name, tensor: undefined as unknown as tf.Tensor };
      }
      return { name, tensor: isPlain ? tensor : copyOf(engine, tensor) };
    }));
  });
}

function copyOf(engine: Engine, tensor: tf.Tensor): tf.Tensor {
  return engine.makeTensor(tensor.dataSync().slice(), tensor.shape, "float32");
}
