import type * as tf from "@tensorflow/tfjs";
import type { Batch } from "./data/data.ts";
import { type Compiled, trainableVariables } from "../tfjs/compiled.ts";
import { disposeTape, type Engine } from "../tfjs/engine.ts";

/** What one forward pass gives. */
interface Forward {
  outputs: tf.Tensor[];
  total: tf.Scalar;
  losses: tf.Tensor[];
}

/**
 * One update from one batch.
 *
 * @returns the loss, the loss of each output where there are several, then each metric: scalars, or
 *   vectors of sums. All from the pass in training mode, before the update. The caller disposes.
 */
export function trainStep(engine: Engine, compiled: Compiled, batch: Batch): tf.Tensor[] {
  const { network } = compiled;
  const optimizer = network.optimizer as tf.Optimizer;
  const variables = trainableVariables(network);
  return engine.tidy(() => {
    let pass: Forward | undefined;
    const kept: tf.Tensor[] = [];
    try {
      // The tape's own scope would drop them. Metrics are computed outside it: they need no gradient.
      const total = optimizer.minimize(
        () => {
          pass = forward(compiled, batch, true);
          // A single loss may be the total, which minimize() hands back.
          const losses = pass.losses.length > 1 ? pass.losses : [];
          for (const tensor of [...pass.outputs, ...losses]) kept.push(engine.keep(tensor));
          return pass.total;
        },
        true,
        variables,
      ) as tf.Scalar;
      return [total, ...measure(compiled, batch, pass as Forward)];
    } catch (error) {
      disposeTape(engine);
      throw error;
    } finally {
      for (const tensor of kept) tensor.dispose();
    }
  });
}

/** Losses and metrics of one batch, in inference mode; the order of {@linkcode trainStep}. */
export function testStep(engine: Engine, compiled: Compiled, batch: Batch): tf.Tensor[] {
  return engine.tidy(() => {
    const pass = forward(compiled, batch, false);
    return [pass.total, ...measure(compiled, batch, pass)];
  });
}

/** Outputs of one batch, in inference mode, none of them an input itself. The caller disposes. */
export function predictStep(network: tf.LayersModel, inputs: tf.Tensor[]): tf.Tensor[] {
  // An input of the model may be an output too. A model's call drops what else it makes.
  return outputsOf(network, inputs, false).map((output) =>
    inputs.includes(output) ? output.clone() : output
  );
}

function outputsOf(network: tf.LayersModel, inputs: tf.Tensor[], training: boolean): tf.Tensor[] {
  const outputs = network.call(inputs, { training });
  return Array.isArray(outputs) ? outputs : [outputs];
}

function forward(compiled: Compiled, batch: Batch, training: boolean): Forward {
  const { network } = compiled;
  const outputs = outputsOf(network, batch.xs, training);
  const losses = compiled.losses.map((loss, i) => {
    const values = loss(batch.ys[i], outputs[i]);
    const weights = batch.weights[i];
    return (weights === undefined ? values : weigh(values, weights)).mean();
  });
  let total = losses.reduce((sum, loss) => sum.add(loss));
  const penalties = (network as unknown as { calculateLosses(): tf.Scalar[] }).calculateLosses();
  for (const penalty of penalties) total = total.add(penalty);
  return { outputs, total: total as tf.Scalar, losses };
}

function measure(compiled: Compiled, batch: Batch, pass: Forward): tf.Tensor[] {
  const metrics = compiled.metrics.map(({ measure, output, ratio }) => {
    const yTrue = batch.ys[output];
    const yPred = pass.outputs[output];
    return ratio === undefined ? measure(yTrue, yPred).mean() : ratio.sums(yTrue, yPred);
  });
  // A loss that is handed on must outlive the pass, whose own tensors are dropped.
  return [...(pass.losses.length > 1 ? pass.losses.map((loss) => loss.clone()) : []), ...metrics];
}

/** Weights of rows, or of rows and steps, beside loss values that may have more axes. */
function weigh(values: tf.Tensor, weights: tf.Tensor): tf.Tensor {
  if (weights.rank > values.rank && weights.shape.at(-1) === 1) {
    weights = weights.reshape(weights.shape.slice(0, -1));
  }
  if (weights.rank < values.rank) {
    const ones: number[] = new Array(values.rank - weights.rank).fill(1);
    weights = weights.reshape([...weights.shape, ...ones]);
  }
  // A loss may be one number already. Anything else would be spread over rows that it is not for.
  if (values.rank > 0 && weights.shape.some((size, i) => size !== 1 && size !== values.shape[i])) {
    throw new RangeError(
      `Cannot use weights of shape [${weights.shape}] for a loss of shape [${values.shape}]: ` +
        `there must be one for each row, or for each of its steps`,
    );
  }
  return values.mul(weights);
}
