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
  | readonly [operation: BinaryOperation, left: Expression, right: Expression]
  | StuckOperation;

/** An operation on one number. */
export type UnaryOperation = "sqrt" | "abs";

/**
 * An operation on two numbers. `max` of NaN is NaN; `largerOf` is the left operand unless it is
 * smaller, as in C++, and takes only names.
 */
export type BinaryOperation = "add" | "sub" | "mul" | "div" | "max" | "largerOf";

/**
 * Operations that leave out subnormal numbers, with which processors are several times slower. Where
 * the gradient stays 0, as for a unit that died or a rare row of an embedding, each average decays
 * to one. They change no result, so only vectors use them.
 *
 * - `isStuck`: whether an average will stay the same, because it is at most the scalar
 *   `largestStuck` and nothing is added. With a weight, also whether that is at least the scalar
 *   `leastWeight`, so that the average cannot change it.
 * - `unlessStuck`: 0 if so, otherwise the number.
 * - `whereStuck`: the second operand if so, otherwise the first.
 */
export type StuckOperation =
  | readonly [operation: "isStuck", average: string, added: string, weight?: string]
  | readonly [operation: "unlessStuck", of: string, isStuck: string]
  | readonly [operation: "whereStuck", otherwise: string, of: string, isStuck: string];

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

/**
 * The steps that update an average `a`: `a * factor + added`. `aMoved` is its new value, or 0 where
 * it is stuck.
 */
const decay = (
  average: string,
  factor: string,
  added: Expression,
  ...weight: [] | [string]
): Formula["steps"] => [
  [`${average}Added`, added],
  [`${average}Stuck`, ["isStuck", average, `${average}Added`, ...weight]],
  [`${average}Kept`, ["unlessStuck", average, `${average}Stuck`]],
  [`${average}Moved`, add(mul(`${average}Kept`, factor), `${average}Added`)],
  [average, ["whereStuck", `${average}Moved`, average, `${average}Stuck`]],
];

const firstAverage = decay("m", "beta1", mul("g", "otherBeta1"), "w");

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
    scalars: ["rate", "decay", "otherDecay", "momentum", "epsilon", "largestStuck"],
    steps: [
      ...decay("s", "decay", mul(gradientSquared, "otherDecay")),
      ["m", add(mul("m", "momentum"), div(mul("g", "rate"), sqrt(add("sMoved", "epsilon"))))],
      ["w", sub("w", "m")],
    ],
  },
  centeredRMSProp: {
    arrays: ["w", "s", "m", "c", "g"],
    scalars: ["rate", "decay", "otherDecay", "momentum", "epsilon", "largestStuck"],
    steps: [
      ...decay("s", "decay", mul(gradientSquared, "otherDecay")),
      ...decay("c", "decay", mul("g", "otherDecay")),
      [
        "m",
        add(
          mul("m", "momentum"),
          div(mul("g", "rate"), sqrt(sub("sMoved", add(mul("cMoved", "cMoved"), "epsilon")))),
        ),
      ],
      ["w", sub("w", "m")],
    ],
  },
  adam: adam(
    [["m", add(mul("m", "beta1"), mul("g", "otherBeta1"))]],
    div("m", "correction1"),
    div("v", "correction2"),
  ),
  // Dividing by 1 changes nothing: the corrections round to 1 after 164 and 17,320 updates by default.
  // Averages get stuck later than that.
  adamFirstIs1: adam(firstAverage, "mMoved", div("v", "correction2"), [
    "largestStuck",
    "leastWeight",
  ]),
  adamBothAre1: adam(firstAverage, "mMoved", "v", ["largestStuck", "leastWeight"]),
  adamax: adamax("max"),
  // The kernel of the wasm backend is C++'s std::max.
  adamaxOnWasm: adamax("largerOf"),
} as const satisfies Record<string, Formula>;

/** Name of a formula. */
export type FormulaName = keyof typeof formulas;

/**
 * The formula of Adam.
 *
 * @param first steps that update the first average
 * @param m first average, corrected
 * @param v second average, corrected
 * @param more further scalars
 */
function adam(
  first: Formula["steps"],
  m: Expression,
  v: Expression,
  more: readonly string[] = [],
): Formula {
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
      ...more,
    ],
    steps: [
      ...first,
      ["v", add(mul("v", "beta2"), mul(gradientSquared, "otherBeta2"))],
      ["w", add(mul(div(m, add(sqrt(v), "epsilon")), "negativeRate"), "w")],
    ],
  };
}

function adamax(larger: "max" | "largerOf"): Formula {
  return {
    arrays: ["w", "m", "v", "g"],
    scalars: [
      "correctedRate",
      "beta1",
      "otherBeta1",
      "beta2",
      "epsilon",
      "largestStuck",
      "leastWeight",
    ],
    steps: [
      ...firstAverage,
      ["v", mul("v", "beta2")],
      ["size", ["abs", "g"]],
      ["v", [larger, "v", "size"]],
      ["w", add(mul("correctedRate", div("mMoved", add("v", "epsilon"))), "w")],
    ],
  };
}
