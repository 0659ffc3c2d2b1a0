/**
 * Generates the JSON Schemas of files that people write by hand, from the schemas that check them.
 *
 * ```sh
 * node --import tsx build/schemas.ts      # or: deno run -A build/schemas.ts; into schemas/
 * ```
 *
 * A check in code that JSON Schema can also express has metadata with the equivalent keywords.
 */
import { mkdir, writeFile } from "node:fs/promises";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { type ConversionConfig, type JsonSchema, toJsonSchema } from "@valibot/to-json-schema";
import type { GenericSchema, LazySchema } from "valibot";
import { advisoriesName, advisoriesSchema } from "../plugins/sources/advisories.ts";
import { configName, configSchema } from "../plugins/project/config_format.ts";
import { lockName, lockSchema } from "../plugins/project/lock_format.ts";
import { manifestName } from "../plugins/manifest/format.ts";
import { manifestSchema } from "../plugins/manifest/schema.ts";
import { optionsSchema } from "./options_schema.ts";
import { root } from "./package.ts";

interface SchemaSource {
  title: string;
  schema: GenericSchema;
  /** Definitions that the metadata refers to. */
  definitions?: Record<string, JsonSchema>;
  /** Keys that a tool fills in, optional for people. */
  filledIn?: string[];
  /** Keys with `x-` are free for the author. */
  ownKeys?: boolean;
}

/** Schemas by the name of the file. */
const sources: Record<string, SchemaSource> = {
  [manifestName]: {
    title: "Manifest of a keepfit plugin, version 1",
    schema: manifestSchema,
    definitions: { options: optionsSchema },
    filledIn: ["files"],
    ownKeys: true,
  },
  [configName]: { title: "Plugins of a project that keepfit loads", schema: configSchema },
  [advisoriesName]: {
    title: "Advisories of a registry of keepfit plugins, version 1",
    schema: advisoriesSchema,
    ownKeys: true,
  },
  [lockName]: { title: "Plugins that a project has locked, version 1", schema: lockSchema },
};

/** Text of each schema file, by name: `callback.plugin.schema.json`. */
export function schemaFiles(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(sources).map(([name, source]) => {
      const { title, schema, definitions, filledIn = [], ownKeys = false } = source;
      const { $schema, $defs: _, ...rest } = toJsonSchema(schema, configOf(ownKeys));
      const required = rest.required?.filter((key) => !filledIn.includes(key));
      const whole = { $schema, title, ...rest, required, $defs: definitions };
      return [name.replace(/json$/, "schema.json"), `${JSON.stringify(whole, null, 2)}\n`];
    }),
  );
}

const configOf = (ownKeys: boolean): ConversionConfig => ({
  target: "draft-2020-12",
  // A check without an equivalent is only done in code.
  ignoreActions: ["check"],
  overrideSchema: ({ valibotSchema, jsonSchema }) => {
    if (valibotSchema.type === "object_with_rest") {
      const own = ownKeys ? { patternProperties: { "^x-": {} } } : {};
      return { ...jsonSchema, ...own, additionalProperties: false };
    }
    if (valibotSchema.type === "lazy") {
      // The getter accepts text, objects and lists.
      const { getter } = valibotSchema as LazySchema<GenericSchema>;
      const kinds = new Set(["", {}, []].map((input) => getter(input)));
      const schemas = [...kinds].map((kind) => {
        // The definitions are unused, because all are inlined.
        const { $schema: _, $defs: __, ...one } = toJsonSchema(kind, configOf(ownKeys));
        return one;
      });
      // Empty, because such a check only rejects.
      const anyOf = schemas.filter((one) => Object.keys(one).length > 0);
      return anyOf.length === 1 ? anyOf[0] : { anyOf };
    }
    return undefined;
  },
});

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  await mkdir(`${root}schemas`, { recursive: true });
  for (const [name, text] of Object.entries(schemaFiles())) {
    await writeFile(`${root}schemas/${name}`, text);
    console.log(`schemas/${name}`);
  }
}
