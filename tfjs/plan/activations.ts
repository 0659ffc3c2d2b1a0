import type { Builder } from "./builder.ts";
import type { Block, Operation } from "./graph.ts";
import { PlanError } from "./plan_error.ts";

/** An activation of TensorFlow.js. */
export interface Activation {
  getClassName(): string;
}

/** Kinds of activations in `assembly/functions.ts`. */
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
  clippedRelu: 16,
};

/** Activations whose derivative is a function of the input, not of the output. */
const needInput = new Set(
  ["softplus", "softsign", "swish", "gelu", "gelu_new", "mish", "thresholdedRelu"],
);

/** An activation of a plan. */
export interface PlannedActivation {
  name: string;
  /** Whether the gradient needs the input, which must not be overwritten. */
  needsInput: boolean;
  /** Parameter of `elu`, `swish`, `leakyRelu` and `thresholdedRelu`; the limit of `clippedRelu`. */
  alpha: number;
}

/**
 * Plan an activation.
 *
 * @returns undefined for a linear activation
 * @throws PlanError for an unknown activation
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
    throw new PlanError(`the activation ${name} is not compiled`);
  }
  return { name, needsInput: needInput.has(name), alpha };
}

/**
 * The kind of an elementwise activation; 0 for a linear one.
 *
 * @throws PlanError for any other activation
 */
export function kindOf(activation: Activation | null | undefined): number {
  const planned = planActivation(activation);
  if (planned === undefined) return 0;
  const kind = kinds[planned.name];
  if (kind === undefined) {
    throw new PlanError(`the activation ${planned.name} is not compiled in recurrent layers`);
  }
  return kind;
}

/** Whether each output depends on one input. */
export function isElementwise({ name }: PlannedActivation): boolean {
  return Object.hasOwn(kinds, name);
}

/** Whether the gradient of one of these activations needs its input. */
export function needsInput(...activations: (Activation | null | undefined)[]): boolean {
  return activations.some((one) => planActivation(one)?.needsInput);
}

/**
 * The operation of an activation.
 *
 * @param size number of values in a row
 * @param columns size of the last axis
 * @param input block of the input; may be that of the output unless the gradient needs the input
 * @param gradient gradient of the output, overwritten by that of the input
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
        forward: (rows) => kernels.softmax(rowsOf(rows), columns, input.address, output.address),
        backward: (rows) =>
          kernels.softmaxGradient(rowsOf(rows), columns, output.address, gradient.address),
      };
    case "logSoftmax":
      return {
        forward: (rows) => kernels.logSoftmax(rowsOf(rows), columns, input.address, output.address),
        backward: (rows) =>
          kernels.logSoftmaxGradient(rowsOf(rows), columns, output.address, gradient.address),
      };
  }
  const kind = kinds[name];
  return {
    forward: (rows) => kernels.activate(kind, rows * size, input.address, output.address, alpha),
    backward: (rows) =>
      kernels.activateGradient(
        kind,
        rows * size,
        input.address,
        output.address,
        gradient.address,
        alpha,
      ),
  };
}
