/**
 * The update of each number of a variable, in float32: the operations of TensorFlow.js's kernels in
 * the same order, so that the results are bit-identical.
 */
export interface Formula {
  /** Arrays of equal length: the weight, its slots, and the gradient, which is read-only. */
  readonly arrays: readonly string[];
  /** Numbers that are the same for the whole variable. */
  readonly scalars: readonly string[];
  /** New values in the order of computation; later uses of a name refer to its new value. */
  readonly steps: readonly (readonly [name: string, value: Expression])[];
}

/** A name, or an operation on expressions. */
export type Expression =
  | string
  | readonly [operation: UnaryOperation, of: Expression]
  | readonly [operation: BinaryOperation, left: Expression, right: Expression];

/** An operation on one number. */
export type UnaryOperation = "sqrt" | "abs";

/**
 * An operation on two numbers. `max` of NaN is NaN; `largerOf` is the left operand unless it is
 * smaller, as in C++, and takes only names.
 */
export type BinaryOperation = "add" | "sub" | "mul" | "div" | "max" | "largerOf";

/** Sum. */
export const add = (left: Expression, right: Expression): Expression => ["add", left, right];
/** Difference. */
export const sub = (left: Expression, right: Expression): Expression => ["sub", left, right];
/** Product. */
export const mul = (left: Expression, right: Expression): Expression => ["mul", left, right];
/** Quotient. */
export const div = (left: Expression, right: Expression): Expression => ["div", left, right];
/** Square root. */
export const sqrt = (of: Expression): Expression => ["sqrt", of];

const gradientSquared = mul("g", "g");

/** The formulas by name. */
export const formulas = {
  sgd: {
    arrays: ["w", "g"],
    scalars: ["negativeRate"],
    steps: [["w", add(mul("negativeRate", "g"), "w")]],
  },
  momentum: {
    arrays: ["w", "a", "g"],
    scalars: ["negativeRate", "momentum"],
    steps: [
      ["a", add(mul("momentum", "a"), "g")],
      ["w", add(mul("negativeRate", "a"), "w")],
    ],
  },
  nesterov: {
    arrays: ["w", "a", "g"],
    scalars: ["negativeRate", "momentum"],
    steps: [
      ["a", add(mul("momentum", "a"), "g")],
      ["w", add(mul("negativeRate", add("g", mul("a", "momentum"))), "w")],
    ],
  },
  adagrad: {
    arrays: ["w", "a", "g"],
    scalars: ["negativeRate", "epsilon"],
    steps: [
      ["a", add("a", gradientSquared)],
      ["w", add(mul(div("g", sqrt(add("a", "epsilon"))), "negativeRate"), "w")],
    ],
  },
  adadelta: {
    arrays: ["w", "a", "u", "g"],
    scalars: ["negativeRate", "rho", "otherRho", "epsilon"],
    steps: [
      // Uses the old averages.
      ["update", mul(div(sqrt(add("u", "epsilon")), sqrt(add("a", "epsilon"))), "g")],
      ["a", add(mul("a", "rho"), mul(gradientSquared, "otherRho"))],
      ["u", add(mul("u", "rho"), mul(mul("update", "update"), "otherRho"))],
      ["w", add(mul("update", "negativeRate"), "w")],
    ],
  },
  rmsProp: {
    arrays: ["w", "s", "m", "g"],
    scalars: ["rate", "decay", "otherDecay", "momentum", "epsilon"],
    steps: [
      ["s", add(mul("s", "decay"), mul(gradientSquared, "otherDecay"))],
      ["m", add(mul("m", "momentum"), div(mul("g", "rate"), sqrt(add("s", "epsilon"))))],
      ["w", sub("w", "m")],
    ],
  },
  centeredRMSProp: {
    arrays: ["w", "s", "m", "c", "g"],
    scalars: ["rate", "decay", "otherDecay", "momentum", "epsilon"],
    steps: [
      ["s", add(mul("s", "decay"), mul(gradientSquared, "otherDecay"))],
      ["c", add(mul("c", "decay"), mul("g", "otherDecay"))],
      [
        "m",
        add(
          mul("m", "momentum"),
          div(mul("g", "rate"), sqrt(sub("s", add(mul("c", "c"), "epsilon")))),
        ),
      ],
      ["w", sub("w", "m")],
    ],
  },
  adam: adam(div("m", "correction1"), div("v", "correction2")),
  // Dividing by 1 changes nothing: the corrections round to 1 after 164 and 17,320 updates by default.
  adamFirstIs1: adam("m", div("v", "correction2")),
  adamBothAre1: adam("m", "v"),
  adamax: adamax("max"),
  // The kernel of the wasm backend is C++'s std::max.
  adamaxOnWasm: adamax("largerOf"),
} as const satisfies Record<string, Formula>;

/** Name of a formula. */
export type FormulaName = keyof typeof formulas;

/** The update by the corrected averages `m` and `v`. */
function adam(m: Expression, v: Expression): Formula {
  return {
    arrays: ["w", "m", "v", "g"],
    scalars: [
      "negativeRate",
      "beta1",
      "otherBeta1",
      "beta2",
      "otherBeta2",
      "epsilon",
      "correction1",
      "correction2",
    ],
    steps: [
      ["m", add(mul("m", "beta1"), mul("g", "otherBeta1"))],
      ["v", add(mul("v", "beta2"), mul(gradientSquared, "otherBeta2"))],
      ["w", add(mul(div(m, add(sqrt(v), "epsilon")), "negativeRate"), "w")],
    ],
  };
}

function adamax(larger: "max" | "largerOf"): Formula {
  return {
    arrays: ["w", "m", "v", "g"],
    scalars: ["correctedRate", "beta1", "otherBeta1", "beta2", "epsilon"],
    steps: [
      ["m", add(mul("m", "beta1"), mul("g", "otherBeta1"))],
      ["v", mul("v", "beta2")],
      ["size", ["abs", "g"]],
      ["v", [larger, "v", "size"]],
      ["w", add(mul("correctedRate", div("m", add("v", "epsilon"))), "w")],
    ],
  };
}
