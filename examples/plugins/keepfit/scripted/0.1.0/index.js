/**
 * A callback defined in its options: a few lines of JavaScript that run at the end of each epoch
 * and may change the learning rate, add logs, or stop. For sweeps and dashboards in which people
 * type such lines into a form.
 *
 * Text from a form must not run with the rights of the process, so this plugin runs only in the
 * sandbox.
 */
export default function scripted(options, context) {
  const { onEpochEnd: body } = options;
  let script;
  try {
    script = new Function(
      "epoch",
      "logs",
      "memory",
      "learningRate",
      "stop",
      "setLearningRate",
      "log",
      `"use strict";\n${body}`,
    );
  } catch (error) {
    throw new SyntaxError(`Cannot read the script: ${error.message}`);
  }
  /** Data that the script keeps between epochs. */
  let memory = {};

  return {
    onEpochEnd(epoch, logs) {
      script(
        epoch,
        logs,
        memory,
        context.getLearningRate(),
        () => context.stop(),
        (value) => context.setLearningRate(value),
        (...parts) => context.log(parts.join(" ")),
      );
    },
    getState: () => ({ memory }),
    setState(state) {
      memory = { ...state.memory };
    },
  };
}
