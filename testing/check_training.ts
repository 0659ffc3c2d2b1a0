import type * as tensors from "@tensorflow/tfjs";
import type { CallbacksArgument } from "../core/callback_list.ts";
import { messageOf } from "../core/errors.ts";
import type { CallbackFailure } from "../core/history.ts";
import { evaluate } from "../training/evaluate.ts";
import { predict } from "../training/predict.ts";
import type { CheckWorld } from "./check_callback.ts";
import { type SmallTask, trainSmall } from "./train_small.ts";

/**
 * Check that a callback survives real trainings, `evaluate` and `predict`, and leaves no tensors.
 */
export async function checkTraining({ make, options, problem }: CheckWorld): Promise<void> {
  const { tf } = options;
  if (tf === undefined) return;
  const report = (failures: readonly CallbackFailure[]): void => {
    for (const { callback, hook, error } of failures) {
      problem(`${callback} failed in ${hook}: ${messageOf(error)}`);
    }
  };
  for (const task of ["regression", "classification"] satisfies SmallTask[]) {
    const callback = await make();
    for (const validation of [true, false]) {
      const training = await trainSmall(tf, callback as CallbacksArgument, {
        task,
        validation,
        rows: 64,
        epochs: 2,
      });
      const { model, x, y, history, tensorsLeft, dispose } = training;
      report(history.failures);
      if (tensorsLeft !== 0) problem(`it leaves ${tensorsLeft} tensors after training`);
      const before = tf.memory().numTensors;
      await evaluate(model, x, y, { verbose: 0, callbacks: callback });
      const predicted = await predict(model, x, { verbose: 0, callbacks: callback });
      tf.dispose(predicted as tensors.Tensor);
      const left = tf.memory().numTensors - before;
      if (left !== 0) problem(`it leaves ${left} tensors after evaluate and predict`);
      dispose();
    }
  }
}
