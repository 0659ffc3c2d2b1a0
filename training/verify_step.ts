import type * as tf from "@tensorflow/tfjs";
import type { Compiled } from "../tfjs/compiled.ts";
import type { Engine } from "../tfjs/engine.ts";
import { forwardPass } from "../tfjs/forward.ts";
import { penaltiesOf } from "../tfjs/network.ts";
import { Agreement, hasAgreed, rememberAgreement } from "../tfjs/plan/agreement.ts";
import { describeTensor, fingerprintOf } from "../tfjs/plan/fingerprint.ts";
import type { DetailedResults, PlanBatch, StepPlan, StepResults } from "../tfjs/plan/step_plan.ts";
import type { NoiseSource } from "../tfjs/random_seed.ts";
import { trainableWeights, untrainedWeights } from "../tfjs/trained_weights.ts";
import type { Batch } from "./data/data.ts";
import { firstRows } from "./data/rows.ts";
import { makeLoss, measureOne, withFloats } from "./losses.ts";
import type { Minimizer } from "./minimizer.ts";

/** How a plan and TensorFlow.js compute a batch. */
interface Verification {
  /** Whether they agree; undefined if values that are not finite prevent an answer. */
  verdict: boolean | undefined;
  /** First difference. Default: empty. */
  reason: string;
  /** Results of the plan. */
  results: StepResults;
}

/**
 * Create a function that computes a batch with a plan and compares the results with TensorFlow.js,
 * unless an equal step was verified before. Usually a few rows are compared. A custom function is
 * called once per batch, so that all rows are compared if there is one; for a custom loss, the
 * gradient of the output is taken from the plan.
 */
export function makeVerifier(
  engine: Engine,
  compiled: Compiled,
  plan: StepPlan,
  minimizer: Minimizer | undefined,
  noise: NoiseSource | undefined,
): (batch: Batch) => Verification {
  const pass = forwardPass(engine, compiled.network);
  const loss = makeLoss(compiled);
  const compare = (batch: PlanBatch, result: DetailedResults, agreement: Agreement): void => {
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
        const allowed = /acc/i.test(metric.identifier ?? "") ? 1.5 / batch.size : 0;
        agreement.compareNumbers(metric.name, result.values[at], theirs, allowed);
      });
    } finally {
      for (const one of [...outputs, ...masks]) one?.dispose();
    }
  };
  const run = (batch: PlanBatch, agreement: Agreement): StepResults => {
    const result = plan.computeWithDetails(batch);
    engine.tidy(() => {
      const averages = untrainedWeights(compiled.network);
      const before = averages.map((average) => average.clone());
      compare(batch, result, agreement);
      // Only the computation that is used may update them.
      averages.forEach((average, i) => average.assign(before[i]));
    });
    return result;
  };
  return (batch) => {
    const { backend } = engine;
    const step = describeComputation(engine, compiled, batch, minimizer, noise);
    if (hasAgreed(backend as object, step)) {
      return { verdict: true, reason: "", results: plan.compute(batch) };
    }
    const agreement = new Agreement();
    const isWhole = plan.callsFallbacks || batch.size <= comparedRows;
    let results!: StepResults;
    engine.tidy(() => void (results = run(isWhole ? batch : firstRowsOf(batch), agreement)));
    const verdict = agreement.verdict();
    if (verdict) rememberAgreement(backend as object, step);
    const { reason } = agreement;
    return { verdict, reason, results: isWhole ? results : plan.compute(batch) };
  };
}

/** Number of compared rows. */
const comparedRows = 8;

function firstRowsOf({ xs, ys, weights }: Batch): PlanBatch {
  const few = (tensor: tf.Tensor) => firstRows(tensor, comparedRows);
  return {
    xs: xs.map(few),
    ys: ys.map(few),
    weights: weights.map((one) => one && few(one)),
    size: comparedRows,
  };
}

/** Everything that decides how a step is computed, as text. */
function describeComputation(
  engine: Engine,
  { network, lossNames, metrics }: Compiled,
  batch: Batch,
  minimizer: Minimizer | undefined,
  noise: NoiseSource | undefined,
): string {
  const { xs, ys, weights } = batch.rows ?? batch;
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
