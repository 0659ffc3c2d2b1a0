/**
 * The JSON Schemas of what people write by hand, made of the schemas that check it.
 *
 * ```sh
 * node --import tsx build/schemas.ts      # or: deno run -A build/schemas.ts; into schemas/
 * ```
 *
 * What a check says in code and JSON Schema can say too stands beside the check, as metadata.
 */
import { mkdir, writeFile } from "node:fs/promises";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { type ConversionConfig, type JsonSchema, toJsonSchema } from "@valibot/to-json-schema";
import type { GenericSchema, LazySchema } from "valibot";
import { manifestName } from "../plugins/manifest_format.ts";
import { manifestSchema } from "../plugins/manifest_schema.ts";
import { optionsSchema } from "./options_schema.ts";
import { root } from "./package.ts";

interface SchemaSource {
  title: string;
  schema: GenericSchema;
  /** Parts that the metadata refers to. */
  definitions?: Record<string, JsonSchema>;
  /** Keys that a tool fills in: who writes the file by hand leaves them out. */
  filledIn?: string[];
}

/** By the name of the file that they are for. */
const sources: Record<string, SchemaSource> = {
  [manifestName]: {
    title: "Manifest of a keepfit plugin, version 1",
    schema: manifestSchema,
    definitions: { options: optionsSchema },
    filledIn: ["files"],
  },
};

/** The text of each schema file, by its name: `callback.plugin.schema.json`. */
export function schemaFiles(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(sources).map(([name, { title, schema, definitions, filledIn = [] }]) => {
      const { $schema, ...rest } = toJsonSchema(schema, config);
      const required = rest.required?.filter((key) => !filledIn.includes(key));
      const whole = { $schema, title, ...rest, required, $defs: definitions };
      return [name.replace(/json$/, "schema.json"), `${JSON.stringify(whole, null, 2)}\n`];
    }),
  );
}

const config: ConversionConfig = {
  target: "draft-2020-12",
  // A check that has no counterpart is the reader's alone.
  ignoreActions: ["check"],
  overrideSchema: ({ valibotSchema, jsonSchema }) => {
    if (valibotSchema.type === "object_with_rest") {
      return { ...jsonSchema, patternProperties: { "^x-": {} }, additionalProperties: false };
    }
    if (valibotSchema.type === "lazy") {
      // It is the getter that tells text from objects.
      const { getter } = valibotSchema as LazySchema<GenericSchema>;
      return {
        anyOf: ["", {}].map((input) => {
          const { $schema: _, ...one } = toJsonSchema(getter(input), config);
          return one;
        }),
      };
    }
    return undefined;
  },
};

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  await mkdir(`${root}schemas`, { recursive: true });
  for (const [name, text] of Object.entries(schemaFiles())) {
    await writeFile(`${root}schemas/${name}`, text);
    console.log(`schemas/${name}`);
  }
}
