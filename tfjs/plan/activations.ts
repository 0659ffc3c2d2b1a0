import { type Block, type Builder, NotPlanned, type Operation } from "./builder.ts";

/** An activation of TensorFlow.js. */
export interface Activation {
  getClassName(): string;
}

/** Numbers of the activations in `assembly/activation.ts`. */
const kinds: Readonly<Record<string, number>> = {
  relu: 1,
  relu6: 2,
  elu: 3,
  selu: 4,
  sigmoid: 5,
  hardSigmoid: 6,
  tanh: 7,
  softplus: 8,
  softsign: 9,
  swish: 10,
  leakyRelu: 11,
  gelu: 12,
  gelu_new: 13,
  mish: 14,
  thresholdedRelu: 15,
};

/** Those whose derivative is computed from their input. */
const needInput = new Set(
  ["softplus", "softsign", "swish", "gelu", "gelu_new", "mish", "thresholdedRelu"],
);

/** An activation in a plan. */
export interface PlannedActivation {
  name: string;
  /** Whether its input must be kept apart from its output. */
  needsInput: boolean;
  /** The number that `elu`, `swish`, `leakyRelu` and `thresholdedRelu` have. */
  alpha: number;
}

/**
 * How an activation is computed; undefined for a linear one.
 *
 * @throws NotPlanned for an activation that is not known
 */
export function planActivation(
  activation: Activation | null | undefined,
  alpha = 1,
): PlannedActivation | undefined {
  const name = activation?.getClassName() ?? "linear";
  if (name === "linear") return undefined;
  return activationNamed(name, alpha);
}

/** As {@linkcode planActivation}, by name. */
export function activationNamed(name: string, alpha = 1): PlannedActivation {
  if (!Object.hasOwn(kinds, name) && name !== "softmax" && name !== "logSoftmax") {
    throw new NotPlanned(`the activation ${name} is not compiled`);
  }
  return { name, needsInput: needInput.has(name), alpha };
}

/**
 * The number of an activation that is computed number by number, 0 for a linear one.
 *
 * @throws NotPlanned for another one
 */
export function kindOf(activation: Activation | null | undefined): number {
  const planned = planActivation(activation);
  if (planned === undefined) return 0;
  const kind = kinds[planned.name];
  if (kind === undefined) {
    throw new NotPlanned(`the activation ${planned.name} is not compiled in recurrent layers`);
  }
  return kind;
}

/** Whether the derivative of one of these activations is computed from its input. */
export function needsInput(...activations: (Activation | null | undefined)[]): boolean {
  return activations.some((one) => planActivation(one)?.needsInput);
}

/**
 * The work of an activation.
 *
 * @param size numbers of a row
 * @param columns size of the last axis
 * @param input may be the output's block, unless the input is needed
 * @param gradient that of the output, which becomes that of the input
 */
export function activationOperation(
  { kernels }: Builder,
  { name, alpha }: PlannedActivation,
  { size, columns, input, output, gradient }: {
    size: number;
    columns: number;
    input: Block;
    output: Block;
    gradient: Block;
  },
): Required<Omit<Operation, "commit">> {
  const rowsOf = (rows: number) => rows * size / columns;
  switch (name) {
    case "softmax":
      return {
        forward: (rows) => kernels.softmax(rowsOf(rows), columns, input.at, output.at),
        backward: (rows) => kernels.softmaxGradient(rowsOf(rows), columns, output.at, gradient.at),
      };
    case "logSoftmax":
      return {
        forward: (rows) => kernels.logSoftmax(rowsOf(rows), columns, input.at, output.at),
        backward: (rows) =>
          kernels.logSoftmaxGradient(rowsOf(rows), columns, output.at, gradient.at),
      };
  }
  const kind = kinds[name];
  return {
    forward: (rows) => kernels.activate(kind, rows * size, input.at, output.at, alpha),
    backward: (rows) =>
      kernels.activateGradient(kind, rows * size, input.at, output.at, gradient.at, alpha),
  };
}
