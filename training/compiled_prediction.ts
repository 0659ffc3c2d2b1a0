import type * as tf from "@tensorflow/tfjs";
import { type Engine, isWatched } from "../tfjs/engine.ts";
import { Agreement, hasAgreed, rememberAgreement } from "../tfjs/plan/agreement.ts";
import { describeTensor, fingerprintOf } from "../tfjs/plan/fingerprint.ts";
import { PlanError } from "../tfjs/plan/plan_error.ts";
import { planPrediction } from "../tfjs/plan/predict_plan.ts";
import type { Batch } from "./data/data.ts";
import { firstRows } from "./data/rows.ts";
import {
  type CompileOptions,
  fallBack,
  type MaybeCompiled,
  planIfPossible,
  recompileOnChange,
} from "./maybe_compiled.ts";

/** The inputs of a batch. */
export type Inputs = Pick<Batch, "xs" | "rows">;

/**
 * The prediction step of a model, compiled if possible. The first batch is computed both ways; if
 * the results differ, only TensorFlow.js is used from then on.
 *
 * @throws TypeError with `jitCompile: true`, if the step cannot be compiled
 */
export function compilePredictStep(
  engine: Engine,
  network: tf.LayersModel,
  options: CompileOptions,
): MaybeCompiled<Inputs, tf.Tensor[]> {
  const make = () => compilePredictionOnce(engine, network, options);
  return options.jitCompile ? recompileOnChange(engine, network, make) : make();
}

function compilePredictionOnce(
  engine: Engine,
  network: tf.LayersModel,
  options: CompileOptions,
): MaybeCompiled<Inputs, tf.Tensor[]> {
  const plan = planIfPossible(
    engine,
    network,
    options,
    (memory) => planPrediction(engine, network, memory),
  );
  if (plan === undefined) return { run: (batch, tape) => tape(batch), dispose: () => {} };
  const { backend } = engine;
  let isVerified: boolean | undefined;
  return {
    run(batch, tape) {
      if (isVerified === false || isWatched(engine)) return tape(batch);
      const inputs = (batch.rows ?? batch).xs;
      const rejection = plan.rejection(inputs);
      if (rejection !== undefined) {
        fallBack(network, rejection, options);
        return tape(batch);
      }
      let outputs: tf.Tensor[];
      try {
        outputs = plan.compute(inputs);
      } catch (error) {
        if (!(error instanceof PlanError)) throw error;
        isVerified = false;
        fallBack(network, error.message, options);
        return tape(batch);
      }
      if (isVerified) return outputs;
      const step = [fingerprintOf(engine, network), ...inputs.map(describeTensor)].join("\n");
      if (hasAgreed(backend as object, step)) {
        isVerified = true;
        return outputs;
      }
      const agreement = new Agreement();
      engine.tidy(() => {
        const expected = tape({ xs: batch.xs.map((input) => firstRows(input, comparedRows)) });
        outputs.forEach((output, i) =>
          agreement.compareOutputs(
            firstRows(output, comparedRows).dataSync(),
            expected[i].dataSync(),
          )
        );
      });
      isVerified = agreement.verdict();
      if (isVerified) rememberAgreement(backend as object, step);
      if (isVerified !== false) return outputs;
      for (const output of outputs) output.dispose();
      fallBack(network, agreement.reason, options, true);
      return tape(batch);
    },
    dispose: () => plan.dispose(),
  };
}

/** Rows of a prediction that are compared with TensorFlow.js. */
const comparedRows = 4;
