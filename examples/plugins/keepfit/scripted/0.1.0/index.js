/**
 * A callback written in the options: a few lines of JavaScript that are run at the end of each epoch
 * and may change the learning rate, add logs, or stop. For sweeps and dashboards, where a person
 * types such lines into a form.
 *
 * Text from a form must not run with anybody's rights, so this plugin runs in the sandbox or not at
 * all.
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
  /** What the script keeps from one epoch to the next. */
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
