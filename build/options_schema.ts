import type { JsonSchema } from "@valibot/to-json-schema";
import type { OptionsSchema } from "../plugins/manifest/options_schema.ts";

const text = (description: string): JsonSchema => ({ type: "string", description });
const number = (description: string): JsonSchema => ({ type: "number", description });
const count = (description: string): JsonSchema => ({ type: "integer", minimum: 0, description });
const self: JsonSchema = { $ref: "#/$defs/options" };
const scalar: JsonSchema = { type: ["string", "number", "boolean", "null"] };
const type: JsonSchema = {
  enum: ["array", "boolean", "integer", "null", "number", "object", "string"],
};

/** JSON Schema of the option schemas that plugins may use; plugins/ checks them in code. */
export const optionsSchema: JsonSchema = {
  type: "object",
  properties: {
    title: text("Shown to people, not checked."),
    description: text("Shown to people, not checked."),
    default: { description: "Value without the option. Shown to people, not checked." },
    type: {
      anyOf: [type, { type: "array", items: type, minItems: 1 }],
      description: "One type, or several of which one must match.",
    },
    enum: {
      type: "array",
      items: scalar,
      minItems: 1,
      maxItems: 256,
      description: "The only values allowed.",
    },
    const: { ...scalar, description: "The only value allowed." },
    properties: {
      type: "object",
      additionalProperties: self,
      description: "Objects: the schema of each member.",
    },
    required: {
      type: "array",
      items: { type: "string" },
      minItems: 1,
      maxItems: 256,
      description: "Objects: required members.",
    },
    additionalProperties: {
      type: "boolean",
      description: "Objects: false rejects members that properties does not list.",
    },
    items: { ...self, description: "Arrays: the schema of every item." },
    minItems: count("Arrays: the minimum number of items."),
    maxItems: count("Arrays: the maximum number of items."),
    minimum: number("Numbers: the minimum value."),
    maximum: number("Numbers: the maximum value."),
    exclusiveMinimum: number("Numbers: the exclusive minimum."),
    exclusiveMaximum: number("Numbers: the exclusive maximum."),
    minLength: count("Text: the minimum number of characters."),
    maxLength: count("Text: the maximum number of characters."),
    pattern: {
      type: "string",
      maxLength: 1000,
      description: "Text: a regular expression that must match somewhere; no look-around, back " +
        "references, \\b.",
    },
  } satisfies Record<keyof OptionsSchema, JsonSchema>,
  additionalProperties: false,
};
