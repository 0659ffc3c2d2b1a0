import * as v from "valibot";
import { PluginError } from "../errors.ts";
import { anyRange, id, object, optional, required, text, webUrl } from "../manifest/schema.ts";
import { hasProblems, parseJson, schemaProblems } from "../manifest/schema_problems.ts";
import { isWithin } from "../manifest/semver.ts";
import { isMissing, readAnswer } from "./answers.ts";
import type { PluginCache } from "./cache.ts";
import type { Fetcher } from "./fetcher.ts";

/** Name of a registry's feed of advisories, at its root. */
export const advisoriesName = "advisories.json";

/** Severity of a vulnerability. */
export type AdvisorySeverity = "critical" | "high" | "low" | "moderate";

/** A vulnerability of some versions of a plugin, as published by its registry. */
export interface Advisory {
  /** Id, such as `KF-2026-0001` or `CVE-2026-1234`. */
  id: string;
  /** Id of the plugin, `owner/name`. */
  plugin: string;
  /** Range of affected versions, `>=1.2 <1.4.1 || 2.0.0`; prereleases count by order. */
  affected: string;
  /** Range of fixed versions. Default: none. */
  fixed?: string;
  /** Severity. */
  severity: AdvisorySeverity;
  /** Summary in one sentence. */
  summary: string;
  /** Page with details. */
  url?: string;
}

/** The schema of `advisories.json`. */
export const advisoriesSchema: v.GenericSchema<unknown, unknown> = object({
  $schema: optional(text, "Schema for editors: a URL, or a path from this file."),
  schemaVersion: required(v.literal(1), "Version of this format."),
  advisories: required(
    v.array(object(
      {
        id: required(text, "Id, such as KF-2026-0001 or CVE-2026-1234."),
        plugin: required(id, "Id of the plugin, owner/name."),
        affected: required(
          anyRange,
          "Range of affected versions; prereleases count by order.",
        ),
        fixed: optional(anyRange, "Range of fixed versions. Default: none."),
        severity: required(v.picklist(["low", "moderate", "high", "critical"]), "Severity."),
        summary: required(text, "Summary in one sentence."),
        url: optional(webUrl, "Page with details."),
      } satisfies Record<keyof Advisory, unknown>,
    )),
    "Advisories; the order does not matter.",
  ),
});

const maxBytes = 4 * 1024 * 1024;

/**
 * The advisories of a registry.
 *
 * @returns an empty list for a registry without such a file
 * @throws PluginError `E_HTTP`, `E_OFFLINE` if it does not answer, `E_REGISTRY` for an unusable
 * file
 */
export async function readAdvisories(
  registry: URL,
  fetcher: Fetcher,
  cache: PluginCache,
): Promise<Advisory[]> {
  const url = new URL(advisoriesName, registry);
  const parse = (text: string) => parseAdvisories(text, url.href);
  try {
    return await readAnswer({ url, maxBytes, parse }, fetcher, cache);
  } catch (error) {
    if (isMissing(error, url)) return [];
    throw error;
  }
}

/** The advisories for a version of a plugin. */
export function advisoriesFor(
  advisories: readonly Advisory[],
  { id, version }: { id: string; version: string },
): Advisory[] {
  return advisories.filter((one) => one.plugin === id && isWithin(version, one.affected));
}

function parseAdvisories(text: string, url: string): Advisory[] {
  const title = `advisories ${url}`;
  const data = parseJson(text, "E_REGISTRY", title, url);
  const schemaVersion = (data as { schemaVersion?: unknown } | null)?.schemaVersion;
  if (typeof schemaVersion === "number" && schemaVersion > 1) {
    throw new PluginError("E_REGISTRY", `Cannot read ${title}: they have a newer format`, {
      url,
      expected: "schemaVersion 1",
      actual: `schemaVersion ${schemaVersion}`,
      hint: "this keepfit is too old: update it",
    });
  }
  const rules = { ownKeys: true };
  const problems = schemaProblems(advisoriesSchema, data, "an advisories.json", rules);
  if (problems.length > 0) throw hasProblems("E_REGISTRY", title, url, problems);
  return (data as { advisories: Advisory[] }).advisories;
}
