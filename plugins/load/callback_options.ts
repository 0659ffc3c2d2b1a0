import { messageOf } from "../../core/errors.ts";
import { PluginError } from "../errors.ts";
import type { PluginCallbackEntry, PluginManifest } from "../manifest/format.ts";
import { checkOptions, noOptions, type OptionsSchema } from "../manifest/options_schema.ts";

/**
 * The options of a plugin's callback: those of the user merged with the defaults of the manifest,
 * validated and copied.
 *
 * @param url of the manifest
 * @throws PluginError `E_OPTIONS` with one line for each problem
 */
export function optionsFor(
  { id }: PluginManifest,
  entry: PluginCallbackEntry,
  url: string,
  options: Record<string, unknown> = {},
): Record<string, unknown> {
  const merged = { ...entry.defaults, ...options };
  const schema = entry.options ?? noOptions;
  const problems = checkOptions(schema, merged, "options");
  let plain: Record<string, unknown> = {};
  let cause: unknown;
  try {
    plain = structuredClone(merged);
  } catch (error) {
    cause = error;
    problems.push(`options: are not plain data: ${messageOf(error)}`);
  }
  if (problems.length === 0) return plain;
  const missing = (schema.required ?? []).filter((name) => !Object.hasOwn(merged, name));
  throw new PluginError(
    "E_OPTIONS",
    `Cannot load plugin ${id} with these options\n${
      problems.map((problem) => `  ${problem}`).join("\n")
    }`,
    { url, cause, hint: missing.length === 0 ? undefined : completed(schema, options, missing) },
  );
}

/** Valid both in code and in `keepfit.json`. */
function completed(
  { properties = {}, additionalProperties = true }: OptionsSchema,
  options: Record<string, unknown>,
  missing: readonly string[],
): string {
  const samples = missing.map((name) => [name, sampleOf(properties[name])]);
  const known = Object.entries(options).filter(([name]) =>
    additionalProperties || Object.hasOwn(properties, name)
  );
  const example = JSON.stringify(Object.fromEntries([...known, ...samples]));
  return `pass it options: ${example.length > 300 ? "{ … }" : example}`;
}

/** A placeholder of the right type. */
function sampleOf(schema: OptionsSchema = {}): unknown {
  const [first] = schema.enum ?? [];
  const type = [schema.type].flat()[0];
  const samples = { array: [], boolean: true, integer: 1, null: null, number: 1, object: {} };
  return schema.const ?? first ??
    (type === undefined || type === "string" ? "…" : samples[type]);
}
