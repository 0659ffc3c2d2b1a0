import {
  manifestName,
  type PluginCallbackEntry,
  type PluginHookEntry,
  pluginPermissions,
  type SourceManifest,
} from "./format.ts";
import { valueOfOption, valueProblem } from "./permission_values.ts";
import {
  checkOptions,
  checkOptionsSchema,
  type Effort,
  newEffort,
  noOptions,
  show,
} from "./options_schema.ts";

/**
 * Find contradictions in a manifest that satisfies the schema.
 *
 * @returns one sentence for each problem; empty for a valid manifest
 */
export function brokenRules(manifest: SourceManifest): string[] {
  const effort = newEffort();
  return [
    ...manifest.callbacks.flatMap((callback, i) => [
      ...optionsProblems(callback, `callbacks[${i}]`, effort),
      ...hookProblems(manifest.id, callback, `callbacks[${i}]`),
    ]),
    ...namesProblems(manifest.callbacks),
    ...fileProblems(manifest),
    ...permissionProblems(manifest),
    ...relationProblems(manifest),
  ];
}

function optionsProblems(callback: PluginCallbackEntry, path: string, effort: Effort): string[] {
  const { options = noOptions, defaults = {} } = callback;
  const wrong = checkOptionsSchema(options, `${path}.options`);
  if (wrong.length > 0) return wrong;
  // Required options may still come from the user.
  return checkOptions({ ...options, required: undefined }, defaults, `${path}.defaults`, effort);
}

function hookProblems(id: string, callback: PluginCallbackEntry, path: string): string[] {
  const problems: string[] = [];
  callback.hooks.forEach((hook, i) => {
    if (typeof hook === "string") return;
    const { name, before = [], after = [], every }: PluginHookEntry = hook;
    const hookPath = `${path}.hooks[${i}]`;
    if (every !== undefined && !/Epoch|Batch/.test(name)) {
      problems.push(
        `${hookPath}.every: found ${every}, expected none: ${name} is not called for epochs or batches`,
      );
    }
    for (const [key, list] of Object.entries({ before, after })) {
      if (list.includes(id)) {
        problems.push(`${hookPath}.${key}: found ${show(id)}, expected other plugins than itself`);
      }
    }
    const both = before.find((one) => after.includes(one));
    if (both !== undefined) {
      problems.push(
        `${hookPath}: found ${show(both)} in before and after, expected it in one of them`,
      );
    }
  });
  return problems;
}

function namesProblems(callbacks: readonly PluginCallbackEntry[]): string[] {
  const twice = firstTwice(callbacks.map((callback) => callback.name));
  return twice === undefined ? [] : [`callbacks: found ${show(twice)} twice, expected it once`];
}

function fileProblems({ files, module }: SourceManifest): string[] {
  if (files === undefined) return [];
  const problems: string[] = [];
  const paths = Object.keys(files);
  if (!Object.hasOwn(files, module)) {
    problems.push(`module: found ${show(module)}, expected one of the files`);
  }
  // Some file systems ignore case, and how accents are composed.
  const relative = paths.filter((path) => !path.startsWith("https://"))
    .map((path) => path.normalize("NFC").toLowerCase());
  if (relative.includes(manifestName)) {
    problems.push(`files: found ${manifestName}, expected the other files: it cannot list itself`);
  }
  const twice = firstTwice(relative);
  if (twice !== undefined) {
    problems.push(
      `files: found ${show(twice)} twice, expected names that differ in more than case or accents`,
    );
  }
  const names = new Set(relative);
  const folder = relative.flatMap(foldersOf).find((one) => names.has(one));
  if (folder !== undefined) {
    problems.push(`files: found ${show(folder)} as a file and as a folder, expected one of them`);
  }
  return problems;
}

/** `a/b/c.js` lies in `a` and `a/b`. */
function foldersOf(path: string): string[] {
  const parts = path.split("/").slice(0, 32);
  return parts.slice(1).map((_, i) => parts.slice(0, i + 1).join("/"));
}

function permissionProblems(manifest: SourceManifest): string[] {
  const problems: string[] = [];
  for (const list of ["permissions", "optionalPermissions"] as const) {
    for (const kind of pluginPermissions) {
      (manifest[list]?.[kind] ?? []).forEach(({ option }, i) => {
        if (option === undefined) return;
        if (!manifest.callbacks.some((one) => hasOption(one, option))) {
          problems.push(
            `${list}.${kind}[${i}].option: found ${show(option)}, expected an option of a callback`,
          );
        }
      });
    }
  }
  return problems;
}

/**
 * Report defaults of options that are not valid values of the permissions that name these options.
 * Authors see them before they publish; a published manifest is rejected where the value would be
 * used, after the changes of an update have been shown.
 */
export function brokenDefaults(manifest: SourceManifest): string[] {
  const problems: string[] = [];
  for (const list of ["permissions", "optionalPermissions"] as const) {
    for (const kind of pluginPermissions) {
      for (const { option } of manifest[list]?.[kind] ?? []) {
        manifest.callbacks.forEach(({ defaults = {} }, at) => {
          const text = option === undefined ? undefined : defaults[option];
          if (option === undefined || typeof text !== "string") return;
          const expected = valueProblem(kind, valueOfOption(kind, text));
          if (expected === undefined) return;
          const path = `callbacks[${at}].defaults${keyPath(option)}`;
          problems.push(
            `${path}: found ${show(text)}, expected ${expected}, as ${list}.${kind} has it`,
          );
        });
      }
    }
  }
  return problems;
}

/** As in JavaScript: `.url`, `["data file"]`. */
function keyPath(key: string): string {
  return /^[\w$-]+$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
}

function hasOption({ options = noOptions }: PluginCallbackEntry, name: string): boolean {
  return options.additionalProperties !== false ||
    Object.hasOwn(options.properties ?? {}, name);
}

function relationProblems({ id, dependencies = {}, stage }: SourceManifest): string[] {
  const problems: string[] = [];
  if (Object.hasOwn(dependencies, id)) {
    problems.push(`dependencies: found ${show(id)}, expected other plugins than itself`);
  }
  if (stage?.successor === id) {
    problems.push(`stage.successor: found ${show(id)}, expected another plugin`);
  }
  return problems;
}

function firstTwice(names: readonly string[]): string | undefined {
  const seen = new Set<string>();
  return names.find((name) => seen.has(name) || !seen.add(name));
}
