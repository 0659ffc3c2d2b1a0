import { parseExpression } from "./expression.js";

/**
 * Stop training when a formula over the logs no longer improves. For example,
 * `val_loss + 0.1 * abs(loss - val_loss)` stops when the loss stalls or overfitting grows.
 */
export default function plateau(options, context) {
  const { expression, mode, patience, minDelta, startFromEpoch, logAs } = options;
  const { names, evaluate } = parseExpression(expression);
  const sign = mode === "max" ? -1 : 1;
  let best = Infinity;
  let wait = 0;
  let given = false;

  return {
    onTrainBegin() {
      // A resumed run continues from its state.
      if (!given) [best, wait] = [Infinity, 0];
      given = false;
    },
    onEpochEnd(epoch, logs) {
      const missing = [...names].filter((name) => logs[name] === undefined);
      if (missing.length > 0) {
        throw new ReferenceError(
          `Cannot evaluate "${expression}": the logs have no ${missing.join(", ")}; there are ` +
            Object.keys(logs).join(", "),
        );
      }
      const value = evaluate(logs);
      logs[logAs] = value;
      if (epoch < startFromEpoch) return;
      if (sign * value < best - minDelta) {
        best = sign * value;
        wait = 0;
        return;
      }
      wait++;
      if (wait < patience) return;
      context.log(
        `${expression} has not improved for ${wait} epochs (best ${
          sign * best
        }, now ${value}): stop`,
      );
      context.stop();
    },
    getState: () => ({ best, wait }),
    setState(state) {
      ({ best, wait } = state);
      given = true;
    },
  };
}
