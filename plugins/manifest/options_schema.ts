import { printable } from "../../core/printable.ts";
import { compilePattern } from "./pattern.ts";

/**
 * What a plugin's options must look like: a subset of JSON Schema 2020-12, small enough to be
 * checked completely. A keyword that is not listed here is refused, never ignored.
 */
export interface OptionsSchema {
  /** Shown to people, not checked. */
  title?: string;
  /** Shown to people, not checked. */
  description?: string;
  /** Shown to people, not checked: what holds without the option. */
  default?: unknown;
  /** One type, or several of which one must fit. */
  type?: OptionsType | OptionsType[];
  /** The only values allowed: text, numbers, booleans or null. */
  enum?: OptionsScalar[];
  /** The only value allowed. */
  const?: OptionsScalar;
  /** Objects: the schema of each member. */
  properties?: Record<string, OptionsSchema>;
  /** Objects: members that must be there. */
  required?: string[];
  /** Objects: false refuses members that `properties` does not list. */
  additionalProperties?: boolean;
  /** Arrays: the schema of every item. */
  items?: OptionsSchema;
  /** Arrays: the least number of items. */
  minItems?: number;
  /** Arrays: the greatest number of items. */
  maxItems?: number;
  /** Numbers: the least value. */
  minimum?: number;
  /** Numbers: the greatest value. */
  maximum?: number;
  /** Numbers: more than this. */
  exclusiveMinimum?: number;
  /** Numbers: less than this. */
  exclusiveMaximum?: number;
  /** Text: the least number of characters. */
  minLength?: number;
  /** Text: the greatest number of characters. */
  maxLength?: number;
  /** Text: a regular expression that must match somewhere; no look-around, back references, `\b`. */
  pattern?: string;
}

/** A type of JSON. */
export type OptionsType =
  | "array"
  | "boolean"
  | "integer"
  | "null"
  | "number"
  | "object"
  | "string";

/** A value of JSON that has no parts. */
export type OptionsScalar = string | number | boolean | null;

/** The schema of a callback that has no options. */
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

/** Every value is compared with all of them. */
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
const isListOf = (check: Check, wanted: string): Check => (value) =>
  Array.isArray(value) && value.length > 0 && value.length <= maxList &&
    value.every((one) => check(one) === undefined)
    ? undefined
    : `a list of ${wanted}, at most ${maxList}`;

/** For each keyword what its own value must be. */
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
 * Tell what is wrong with a schema itself.
 *
 * @param schema what stands in the manifest
 * @param path where it stands there, for the messages
 * @returns one sentence for each problem; empty when it can be used
 */
export function checkOptionsSchema(schema: unknown, path: string): string[] {
  if (!isObject(schema)) return [`${path}: found ${show(schema)}, wanted a schema`];
  const problems: string[] = [];
  for (const [key, value] of Object.entries(schema)) {
    if (!Object.hasOwn(keywords, key)) {
      problems.push(
        `${path}: found keyword ${key}, wanted one of ${Object.keys(keywords).join(", ")}`,
      );
      continue;
    }
    const wanted = keywords[key as keyof OptionsSchema](value);
    if (wanted !== undefined) {
      problems.push(`${path}.${key}: found ${show(value)}, wanted ${wanted}`);
    } else if (key === "items") problems.push(...checkOptionsSchema(value, `${path}.items`));
    else if (key === "properties") {
      for (const [name, member] of Object.entries(value as object)) {
        problems.push(...checkOptionsSchema(member, `${path}.properties.${name}`));
      }
    }
  }
  return problems;
}

/**
 * Tell in what a value does not fit a schema.
 *
 * @param schema a schema in which {@linkcode checkOptionsSchema} found nothing wrong
 * @param value what the user gave
 * @param path how to call the value, for the messages
 * @returns one sentence for each problem; empty when it fits
 */
export function checkOptions(schema: OptionsSchema, value: unknown, path: string): string[] {
  const problems: string[] = [];
  const want = (fits: boolean, wanted: string): void => {
    if (!fits) problems.push(`${path}: found ${show(value)}, wanted ${wanted}`);
  };
  if (schema.type !== undefined) {
    const allowed = Array.isArray(schema.type) ? schema.type : [schema.type];
    // What has the wrong type is not looked at any further.
    if (!allowed.some((type) => isOfType(value, type))) {
      want(false, allowed.join(" or "));
      return problems;
    }
  }
  if (schema.enum !== undefined) {
    want(
      schema.enum.includes(value as OptionsScalar),
      `one of ${listed(schema.enum.map(show))}`,
    );
  }
  if (schema.const !== undefined) want(value === schema.const, show(schema.const));
  if (typeof value === "number") checkNumber(schema, value, want);
  if (typeof value === "string") checkText(schema, value, want);
  if (Array.isArray(value)) {
    const { minItems = 0, maxItems = Infinity, items } = schema;
    want(value.length >= minItems, `at least ${minItems} items`);
    want(value.length <= maxItems, `at most ${maxItems} items`);
    if (items !== undefined) {
      value.forEach((one, i) => problems.push(...checkOptions(items, one, `${path}[${i}]`)));
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
        problems.push(...checkOptions(properties[name], member, `${path}.${name}`));
      } else if (schema.additionalProperties === false) {
        known ??= listed(Object.keys(properties)) || "none";
        problems.push(`${path}.${name}: is not an option; there are ${known}`);
      }
    }
  }
  return problems;
}

function checkNumber(
  schema: OptionsSchema,
  value: number,
  want: (fits: boolean, wanted: string) => void,
): void {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = schema;
  if (minimum !== undefined) want(value >= minimum, `>= ${minimum}`);
  if (maximum !== undefined) want(value <= maximum, `<= ${maximum}`);
  if (exclusiveMinimum !== undefined) want(value > exclusiveMinimum, `> ${exclusiveMinimum}`);
  if (exclusiveMaximum !== undefined) want(value < exclusiveMaximum, `< ${exclusiveMaximum}`);
}

function checkText(
  schema: OptionsSchema,
  value: string,
  want: (fits: boolean, wanted: string) => void,
): void {
  // JSON Schema counts characters, not UTF-16 units.
  const length = [...value].length;
  const { minLength = 0, maxLength = Infinity, pattern } = schema;
  want(length >= minLength, `at least ${minLength} characters`);
  want(length <= maxLength, `at most ${maxLength} characters`);
  if (pattern !== undefined) want(compilePattern(pattern)(value), `text like ${pattern}`);
}

/** What a person needs to know about an option: its type, and what it is for. */
function wantedText({ type, description }: OptionsSchema = {}): string {
  const wanted = type === undefined ? "" : `, wanted ${[type].flat().join(" or ")}`;
  return wanted + (description === undefined ? "" : `: ${visible(description, 200)}`);
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

/** A value as it is written in JSON, short enough for a message. */
export function show(value: unknown): string {
  if (value === undefined) return "nothing";
  if (typeof value === "function") return "a function";
  const isQuoted = typeof value === "string" || (typeof value === "object" && value !== null);
  return visible(isQuoted ? JSON.stringify(value) : String(value), 60);
}

/** Foreign text for one line of a message, shortened. */
export function visible(text: string, length: number): string {
  const short = text.length > length ? `${text.slice(0, length - 3)}...` : text;
  return printable(short).replace(/[\t\n]/g, (one) => one === "\t" ? "\\t" : "\\n");
}
