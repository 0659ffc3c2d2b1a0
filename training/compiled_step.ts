import type * as tf from "@tensorflow/tfjs";
import {
  type Compiled,
  penaltiesOf,
  trainableWeights,
  untrainedWeights,
} from "../tfjs/compiled.ts";
import { disposeTape, type Engine, isWatched } from "../tfjs/engine.ts";
import { forwardPass } from "../tfjs/forward.ts";
import { Agreement, hasAgreed, rememberAgreement } from "../tfjs/plan/agreement.ts";
import { describeTensor, fingerprintOf } from "../tfjs/plan/fingerprint.ts";
import { PlanError } from "../tfjs/plan/plan_error.ts";
import {
  type DetailedResults,
  type Fallbacks,
  planStep,
  type StepPlan,
  type StepResults,
} from "../tfjs/plan/step_plan.ts";
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

type StepRunner = MaybeCompiled<Batch, PackedMeasures>;

/**
 * The train or test step of a model, compiled if possible. The first batch is computed both ways,
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

  const { backend } = engine;
  const verify = makeVerifier(engine, compiled, plan, minimizer);
  let isVerified: boolean | undefined;
  const compute = (batch: Batch): StepResults | undefined => {
    if (isVerified) return plan.compute(batch);
    const step = describeComputation(engine, compiled, batch, minimizer, noise);
    if (hasAgreed(backend as object, step)) {
      isVerified = true;
      return plan.compute(batch);
    }
    const { agreement, result } = verify(batch);
    isVerified = agreement.verdict();
    if (isVerified) rememberAgreement(backend as object, step);
    if (isVerified !== false) return result;
    fallBack(network, agreement.reason, options, true);
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

/** Everything that decides how a step is computed, as text. */
function describeComputation(
  engine: Engine,
  { network, lossNames, metrics }: Compiled,
  { xs, ys, weights }: Batch,
  minimizer: Minimizer | undefined,
  noise: NoiseSource | undefined,
): string {
  const tensors = [xs, ys, weights].map((list) => list.map((one) => one && describeTensor(one)));
  const trained = minimizer && new Set<unknown>(trainableWeights(network));
  const flags = trained && network.weights.map((weight) => trained.has(weight) ? 1 : 0);
  return JSON.stringify([
    fingerprintOf(engine, network),
    tensors,
    flags,
    minimizer?.isFrozen(),
    lossNames,
    metrics.map(({ identifier, output, ratio }) => [identifier, output, ratio !== undefined]),
    noise,
  ]);
}

/**
 * Create a function that computes a batch with a plan and compares the results with TensorFlow.js.
 * Custom functions are called once per batch: for a custom loss, the gradient of the output is
 * taken from the plan.
 */
function makeVerifier(
  engine: Engine,
  compiled: Compiled,
  plan: StepPlan,
  minimizer: Minimizer | undefined,
): (batch: Batch) => { agreement: Agreement; result: DetailedResults } {
  const pass = forwardPass(engine, compiled.network);
  const loss = makeLoss(compiled);
  const compare = (batch: Batch, result: DetailedResults, agreement: Agreement): void => {
    const targeted = withFloats(batch);
    const outputs: tf.Tensor[] = [];
    const masks: (tf.Tensor | undefined)[] = [];
    const total = (): tf.Scalar => {
      let sum = engine.makeTensor(Float32Array.of(0), [], "float32") as tf.Scalar;
      const found = pass(batch.xs, minimizer !== undefined);
      found.tensors.forEach((tensor, i) => {
        const mask = found.masks[i];
        outputs[i] = engine.keep(tensor.clone());
        masks[i] = mask && engine.keep(mask.clone());
        const { gradient, hasLossKernel } = result.outputs[i];
        if (hasLossKernel) sum = sum.add(loss(i, targeted, tensor, mask));
        else if (gradient !== undefined) {
          sum = sum.add(tensor.mul(engine.makeTensor(gradient, tensor.shape, "float32")).sum());
        }
      });
      return penaltiesOf(compiled.network).reduce((all, one) => all.add(one), sum);
    };
    try {
      if (minimizer === undefined) total();
      else if (!minimizer.isFrozen()) {
        agreement.compareGradients(result.gradients, minimizer.differentiate(total));
      } else total();
      result.outputs.forEach(({ values, loss: own, hasLossKernel }, i) => {
        agreement.compareOutputs(values, outputs[i].dataSync());
        if (hasLossKernel) {
          agreement.compareNumbers(
            "a loss",
            own,
            loss(i, targeted, outputs[i], masks[i]).dataSync()[0],
          );
        }
      });
      let at = result.values.length;
      compiled.metrics.toReversed().forEach((metric, i, { length }) => {
        const index = length - 1 - i;
        at -= result.sizes.at(-1 - i)!;
        if (!result.hasMetricKernel[index]) return;
        const theirs = measureOne(metric, targeted, outputs[metric.output]).dataSync()[0];
        // A row whose classes are equally likely may count either way.
        agreement.compareNumbers(metric.name, result.values[at], theirs, 1.5 / batch.size);
      });
    } finally {
      for (const one of [...outputs, ...masks]) one?.dispose();
    }
  };
  return (batch) => {
    const agreement = new Agreement();
    const result = plan.computeWithDetails(batch);
    engine.tidy(() => {
      const averages = untrainedWeights(compiled.network);
      const before = averages.map((average) => average.clone());
      compare(batch, result, agreement);
      // Only the computation that is used may update them.
      averages.forEach((average, i) => average.assign(before[i]));
    });
    return { agreement, result };
  };
}

/** Apply the gradients of a plan, which overwrites them in the next step. */
function applyGradients(engine: Engine, minimizer: Minimizer, gradients: Gradients): void {
  const isPlain = keepsNoGradients(minimizer.optimizer);
  engine.tidy(() => {
    minimizer.apply(gradients.map(({ name, tensor }) => {
      const { trainable } = engine.registeredVariables[name];
      // TensorFlow.js has no gradient of it either.
      if (!trainable) return { name, tensor: undefined as unknown as tf.Tensor };
      return { name, tensor: isPlain ? tensor : copyOf(engine, tensor) };
    }));
  });
}

function copyOf(engine: Engine, tensor: tf.Tensor): tf.Tensor {
  return engine.makeTensor(tensor.dataSync().slice(), tensor.shape, "float32");
}
