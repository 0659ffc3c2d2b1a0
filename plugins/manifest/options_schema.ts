import { printable } from "../../core/printable.ts";
import { compilePattern } from "./pattern.ts";

/**
 * Schema of a plugin's options: a subset of JSON Schema 2020-12 that can be checked completely.
 * Unknown keywords are rejected.
 */
export interface OptionsSchema {
  /** Title, for display only. */
  title?: string;
  /** Description, for display only. */
  description?: string;
  /** Value used without the option, for display only. */
  default?: unknown;
  /** Allowed type, or several. */
  type?: OptionsType | OptionsType[];
  /** Allowed values: text, numbers, booleans or null. */
  enum?: OptionsScalar[];
  /** The only allowed value. */
  const?: OptionsScalar;
  /** Objects: schema of each member. */
  properties?: Record<string, OptionsSchema>;
  /** Objects: required members. */
  required?: string[];
  /** Objects: whether members outside `properties` are allowed. */
  additionalProperties?: boolean;
  /** Arrays: schema of the items. */
  items?: OptionsSchema;
  /** Arrays: minimum number of items. */
  minItems?: number;
  /** Arrays: maximum number of items. */
  maxItems?: number;
  /** Numbers: minimum. */
  minimum?: number;
  /** Numbers: maximum. */
  maximum?: number;
  /** Numbers: exclusive minimum. */
  exclusiveMinimum?: number;
  /** Numbers: exclusive maximum. */
  exclusiveMaximum?: number;
  /** Text: minimum number of characters. */
  minLength?: number;
  /** Text: maximum number of characters. */
  maxLength?: number;
  /** Text: regular expression to match somewhere, without look-around, back references and `\b`. */
  pattern?: string;
}

/** A JSON type. */
export type OptionsType =
  | "array"
  | "boolean"
  | "integer"
  | "null"
  | "number"
  | "object"
  | "string";

/** A JSON scalar. */
export type OptionsScalar = string | number | boolean | null;

/** Schema of a callback without options. */
export const noOptions: OptionsSchema = { type: "object", additionalProperties: false };

const types: readonly OptionsType[] = [
  "array",
  "boolean",
  "integer",
  "null",
  "number",
  "object",
  "string",
];

type Check = (value: unknown) => string | undefined;

/** Limit: every value is compared with all of them. */
const maxList = 256;

const isText: Check = (value) => typeof value === "string" ? undefined : "text";
const isNumber: Check = (value) => Number.isFinite(value) ? undefined : "a number";
const isCount: Check = (value) =>
  Number.isInteger(value) && value as number >= 0 ? undefined : "a whole number >= 0";
const isBoolean: Check = (value) => typeof value === "boolean" ? undefined : "true or false";
const isScalar: Check = (value) =>
  value === null || ["string", "number", "boolean"].includes(typeof value)
    ? undefined
    : "text, a number, true, false or null";
const isListOf = (check: Check, expected: string): Check => (value) =>
  Array.isArray(value) && value.length > 0 && value.length <= maxList &&
    value.every((one) => check(one) === undefined)
    ? undefined
    : `a list of ${expected}, at most ${maxList}`;

/** For each keyword the check of its value. */
const keywords: Record<keyof OptionsSchema, Check> = {
  title: isText,
  description: isText,
  default: () => undefined,
  type: (value) =>
    (Array.isArray(value) && value.length > 0 ? value : [value]).every((one) => types.includes(one))
      ? undefined
      : `one of ${types.join(", ")}, or a list of them`,
  enum: isListOf(isScalar, "text, numbers, true, false or null"),
  const: isScalar,
  properties: (value) => isObject(value) ? undefined : "an object of schemas",
  required: isListOf(isText, "names"),
  additionalProperties: isBoolean,
  items: (value) => isObject(value) ? undefined : "a schema",
  minItems: isCount,
  maxItems: isCount,
  minimum: isNumber,
  maximum: isNumber,
  exclusiveMinimum: isNumber,
  exclusiveMaximum: isNumber,
  minLength: isCount,
  maxLength: isCount,
  pattern: (value) =>
    typeof value === "string" && isPattern(value)
      ? undefined
      : "a regular expression without look-around, back references and \\b",
};

/**
 * Check a schema.
 *
 * @param schema schema from the manifest
 * @param path its path in the manifest, for messages
 * @returns one sentence for each problem; empty for a valid schema
 */
export function checkOptionsSchema(schema: unknown, path: string): string[] {
  if (!isObject(schema)) return [`${path}: found ${show(schema)}, expected a schema`];
  const problems: string[] = [];
  for (const [key, value] of Object.entries(schema)) {
    if (!Object.hasOwn(keywords, key)) {
      problems.push(
        `${path}: found keyword ${key}, expected one of ${Object.keys(keywords).join(", ")}`,
      );
      continue;
    }
    const expected = keywords[key as keyof OptionsSchema](value);
    if (expected !== undefined) {
      problems.push(`${path}.${key}: found ${show(value)}, expected ${expected}`);
    } else if (key === "items") problems.push(...checkOptionsSchema(value, `${path}.items`));
    else if (key === "properties") {
      for (const [name, member] of Object.entries(value as object)) {
        problems.push(...checkOptionsSchema(member, `${path}.properties.${name}`));
      }
    }
  }
  return problems;
}

/** Remaining steps of patterns: even in linear time, text can be long. */
export interface Effort {
  steps: number;
}

/** Limit for a manifest, or the options of a load: less than a tenth of a second. */
export const newEffort = (): Effort => ({ steps: 2_000_000 });

/**
 * Check a value against a schema.
 *
 * @param schema a schema accepted by {@linkcode checkOptionsSchema}
 * @param value value from the user
 * @param path name of the value, for messages
 * @param effort steps left for its patterns; reduced by those taken
 * @returns one sentence for each problem; empty for a valid value
 */
export function checkOptions(
  schema: OptionsSchema,
  value: unknown,
  path: string,
  effort: Effort = newEffort(),
): string[] {
  const problems: string[] = [];
  const expect = (fits: boolean, expected: string): void => {
    if (!fits) problems.push(`${path}: found ${show(value)}, expected ${expected}`);
  };
  if (schema.type !== undefined) {
    const allowed = Array.isArray(schema.type) ? schema.type : [schema.type];
    // A value of the wrong type is not checked further.
    if (!allowed.some((type) => isOfType(value, type))) {
      expect(false, allowed.join(" or "));
      return problems;
    }
  }
  if (schema.enum !== undefined) {
    expect(
      schema.enum.includes(value as OptionsScalar),
      `one of ${listed(schema.enum.map(show))}`,
    );
  }
  if (schema.const !== undefined) expect(value === schema.const, show(schema.const));
  if (typeof value === "number") checkNumber(schema, value, expect);
  if (typeof value === "string") checkText(schema, value, effort, expect);
  if (Array.isArray(value)) {
    const { minItems = 0, maxItems = Infinity, items } = schema;
    expect(value.length >= minItems, `at least ${minItems} items`);
    expect(value.length <= maxItems, `at most ${maxItems} items`);
    if (items !== undefined) {
      value.forEach((one, i) =>
        problems.push(...checkOptions(items, one, `${path}[${i}]`, effort))
      );
    }
  } else if (isObject(value)) {
    const properties = schema.properties ?? {};
    for (const name of schema.required ?? []) {
      if (Object.hasOwn(value, name)) continue;
      problems.push(`${path}.${name}: is missing${wantedText(properties[name])}`);
    }
    let known: string | undefined;
    for (const [name, member] of Object.entries(value)) {
      if (Object.hasOwn(properties, name)) {
        problems.push(...checkOptions(properties[name], member, `${path}.${name}`, effort));
      } else if (schema.additionalProperties === false) {
        known ??= listed(Object.keys(properties)) || "none";
        problems.push(`${path}.${name}: is not an option; available: ${known}`);
      }
    }
  }
  return problems;
}

function checkNumber(
  schema: OptionsSchema,
  value: number,
  expect: (fits: boolean, expected: string) => void,
): void {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = schema;
  if (minimum !== undefined) expect(value >= minimum, `>= ${minimum}`);
  if (maximum !== undefined) expect(value <= maximum, `<= ${maximum}`);
  if (exclusiveMinimum !== undefined) expect(value > exclusiveMinimum, `> ${exclusiveMinimum}`);
  if (exclusiveMaximum !== undefined) expect(value < exclusiveMaximum, `< ${exclusiveMaximum}`);
}

function checkText(
  schema: OptionsSchema,
  value: string,
  effort: Effort,
  expect: (fits: boolean, expected: string) => void,
): void {
  // JSON Schema counts characters, not UTF-16 units.
  const length = [...value].length;
  const { minLength = 0, maxLength = Infinity, pattern } = schema;
  expect(length >= minLength, `at least ${minLength} characters`);
  expect(length <= maxLength, `at most ${maxLength} characters`);
  if (pattern === undefined) return;
  const { steps, test } = compilePattern(pattern);
  effort.steps -= steps * length;
  if (effort.steps < 0) expect(false, "shorter text: its pattern would take too long");
  else expect(test(value), `text like ${pattern}`);
}

/** Type and description of an option, for a message. */
function wantedText({ type, description }: OptionsSchema = {}): string {
  const expected = type === undefined ? "" : `, expected ${[type].flat().join(" or ")}`;
  return expected + (description === undefined ? "" : `: ${visible(description, 200)}`);
}

function isOfType(value: unknown, type: OptionsType): boolean {
  switch (type) {
    case "array":
      return Array.isArray(value);
    case "integer":
      return Number.isInteger(value);
    case "null":
      return value === null;
    case "number":
      return Number.isFinite(value);
    case "object":
      return isObject(value);
    case "boolean":
      return typeof value === "boolean";
    case "string":
      return typeof value === "string";
  }
}

function isPattern(text: string): boolean {
  try {
    compilePattern(text);
    return true;
  } catch {
    return false;
  }
}

/** A list for a message. */
function listed(names: readonly string[]): string {
  const shown = names.slice(0, 20).map((name) => name.slice(0, 60));
  return shown.join(", ") + (names.length > 20 ? ", ..." : "");
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A value as JSON, shortened for a message. */
export function show(value: unknown): string {
  if (value === undefined) return "nothing";
  if (typeof value === "function") return "a function";
  const isQuoted = typeof value === "string" || (typeof value === "object" && value !== null);
  return visible(isQuoted ? JSON.stringify(value) : String(value), 60);
}

/** Foreign text in one line of a message, shortened. */
export function visible(text: string, length: number): string {
  const short = text.length > length ? `${text.slice(0, length - 3)}...` : text;
  return printable(short).replace(/[\t\n]/g, (one) => one === "\t" ? "\\t" : "\\n");
}
