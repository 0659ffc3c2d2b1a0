import type { PluginExplanation } from "./explain.ts";
import type { PluginHookEntry } from "./manifest_format.ts";
import type { OptionsSchema } from "./options_schema.ts";

const width = 80;

/** Put what is told about a plugin into lines of at most 80 characters, but for addresses. */
export function explainText(explanation: PluginExplanation): string {
  const plugin = withPlainText(explanation);
  const { integrity, isLocked, signers, files } = plugin;
  const bytes = files.reduce((sum, { size }) => sum + size, 0);
  const lines = [
    `${plugin.id} ${plugin.version}: ${plugin.title}`,
    ...wrap(plugin.description, "  "),
    "",
    `  from       ${plugin.url}`,
    `  read from  the ${plugin.source}${isLocked ? ", as the lock file says" : ""}`,
    `  integrity  ${integrity}`,
    ...wrap(signers.length === 0 ? "nobody" : signers.join("\n"), "  signed by  "),
    ...(plugin.yanked === undefined
      ? []
      : wrap(plugin.yanked.reason ?? "no reason is given", "  yanked     ")),
    `  tier       ${plugin.tier ?? "none: it would not load"}`,
    ...section("Problems", plugin.problems),
    ...section(
      "Not as in the lock file",
      plugin.differences.map(({ what, before, after, weakens }) =>
        `${weakens ? "! " : ""}${what}: was ${before}, is ${after}`
      ),
    ),
    ...section(
      "May touch",
      plugin.permissions.map(({ kind, value, reason, isOptional, isGranted }) =>
        `${kind} ${value}: ${reason} (${isOptional ? "optional, " : ""}${
          isGranted ? "agreed" : "not agreed yet"
        })`
      ),
      "nothing outside the training",
    ),
    ...plugin.callbacks.flatMap(({ name, title, hooks, controls, options, defaults }) => [
      "",
      `Callback ${name}${title === undefined ? "" : `: ${title}`}`,
      ...wrap(hooks.map(hookText).join(", "), "  hooks      "),
      ...wrap(controls.join(", ") || "none: it looks on", "  controls   "),
      ...wrap(optionsText(options, defaults), "  options    "),
    ]),
    ...section("Enforced", plugin.enforced),
    ...section("Not enforced", plugin.notEnforced),
    "",
    `Files (${files.length}, ${sizeText(bytes)})`,
    ...files.map(({ path, size }) => `  ${sizeText(size).padStart(9)}  ${path}`),
  ];
  return `${lines.join("\n")}\n`;
}

/** Bytes for people: `12.3 KiB`. */
export function sizeText(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB"];
  let unit = 0;
  let value = bytes;
  for (; value >= 1024 && unit < units.length - 1; unit++) value /= 1024;
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

/** What a stranger wrote must not move the cursor, hide, or pass for a line of ours. */
function withPlainText(explanation: PluginExplanation): PluginExplanation {
  return JSON.parse(
    JSON.stringify(explanation),
    (_, value) => typeof value === "string" ? plain(value) : value,
  );
}

function plain(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, " ");
}

function section(title: string, items: readonly string[], none?: string): string[] {
  if (items.length === 0 && none === undefined) return [];
  const shown = items.length === 0 ? [none as string] : items;
  return ["", title, ...shown.flatMap((item) => wrap(item, "  - "))];
}

function hookText({ name, order, before, after, every }: PluginHookEntry): string {
  const more = [
    order !== undefined && order !== "normal" ? order : "",
    before?.length ? `before ${before.join(" and ")}` : "",
    after?.length ? `after ${after.join(" and ")}` : "",
    every !== undefined && every > 1 ? `every ${every}` : "",
  ].filter((one) => one !== "");
  return more.length === 0 ? name : `${name} (${more.join(", ")})`;
}

function optionsText(
  schema: OptionsSchema | undefined,
  defaults: Record<string, unknown> = {},
): string {
  const properties = Object.entries(schema?.properties ?? {});
  if (properties.length === 0) return "none";
  return properties.map(([name, { type, description }]) => {
    const shown = plain(name);
    const kind = type === undefined ? "" : ` (${[type].flat().join(" or ")})`;
    const given = Object.hasOwn(defaults, name) ? ` = ${JSON.stringify(defaults[name])}` : "";
    const needed = schema?.required?.includes(name) && given === "" ? ", required" : "";
    return `${shown}${kind}${given}${needed}${description === undefined ? "" : `: ${description}`}`;
  }).join("\n");
}

/** Lines of a text, the first behind `head`, the others below it; words longer than a line stay whole. */
function wrap(text: string, head: string): string[] {
  const indent = " ".repeat(head.length);
  return text.split("\n").flatMap((paragraph, i) => {
    const lines = [i === 0 ? head : indent];
    for (const word of paragraph.split(/\s+/).filter((one) => one !== "")) {
      const last = lines.length - 1;
      const isEmpty = lines[last].length === indent.length;
      if (!isEmpty && lines[last].length + word.length + 1 > width) lines.push(indent + word);
      else lines[last] += isEmpty ? word : ` ${word}`;
    }
    return lines;
  });
}
