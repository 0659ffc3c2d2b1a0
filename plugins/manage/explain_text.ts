import type { ExplainedPermission, PluginExplanation } from "./explain.ts";
import type { PluginHookEntry } from "../manifest/format.ts";
import type { OptionsSchema } from "../manifest/options_schema.ts";
import { wrap } from "./wrap_text.ts";

/** Options of {@linkcode explainText}. */
export interface ExplainTextOptions {
  /** Width in characters. Default: 80. */
  columns?: number;
  /** Whether headings and warnings are highlighted with ANSI colors. Default: false. */
  colors?: boolean;
  /**
   * Whether to omit hashes, hooks, single files and the enforcement. Default: false.
   */
  isShort?: boolean;
}

/** Format an explanation as lines for a terminal. Addresses are not broken. */
export function explainText(
  explanation: PluginExplanation,
  { columns = 80, colors = false, isShort = false }: ExplainTextOptions = {},
): string {
  const plugin = withPlainText(explanation);
  const { integrity, isLocked, signers, files } = plugin;
  const bytes = files.reduce((sum, { size }) => sum + size, 0);
  const bold = (text: string) => colors ? `\x1b[1m${text}\x1b[22m` : text;
  const warning = (text: string) => colors ? `\x1b[33m${text}\x1b[39m` : text;
  const field = (name: string, text: string) => wrap(text, `  ${name.padEnd(11)}`, columns);
  const section = (title: string, items: readonly string[], isWarning = false) =>
    items.length === 0 ? [] : [
      "",
      isWarning ? warning(bold(title)) : bold(title),
      ...items.flatMap((item) => {
        const lines = wrap(item, "  - ", columns);
        return item.startsWith("! ") ? lines.map(warning) : lines;
      }),
    ];
  const known = [
    `  from       ${plugin.url}`,
    ...(isShort ? [] : [
      ...field("read from", `the ${plugin.source}${isLocked ? ", as the lock file says" : ""}`),
      `  integrity  ${integrity}`,
    ]),
    ...(signers.length === 0
      ? field("signed by", "nobody").map(warning)
      : field("signed by", signers.join("\n"))),
    ...(plugin.yanked === undefined
      ? []
      : field("yanked", plugin.yanked.reason ?? "no reason given").map(warning)),
    ...field("tier", plugin.tier ?? "none: it would not load"),
    ...(isShort ? field("files", `${files.length}, ${sizeText(bytes)}`) : []),
  ];
  const callbacks = plugin.callbacks.flatMap((
    { name, title, hooks, controls, options, defaults },
  ) => [
    "",
    ...wrap(`Callback ${name}${title === undefined ? "" : `: ${title}`}`, "", columns).map(bold),
    ...(isShort ? [] : field("hooks", hooks.map(hookText).join(", "))),
    ...field("controls", controls.join(", ") || "none: it only observes"),
    ...field("options", optionsText(options, defaults)),
  ]);
  const lines = [
    ...wrap(`${plugin.id} ${plugin.version}: ${plugin.title}`, "", columns).map(bold),
    ...wrap(plugin.description, "  ", columns),
    "",
    ...known,
    ...section("Problems", plugin.problems, true),
    ...section(
      "Differences from the lock file",
      plugin.differences.map(({ what, before, after, weakens }) =>
        `${weakens ? "! " : ""}${what}: was ${before}, is ${after}`
      ),
      true,
    ),
    ...section(
      "May touch",
      plugin.permissions.length === 0
        ? ["nothing outside the training"]
        : plugin.permissions.map(permissionText),
    ),
    ...callbacks,
    ...section("Enforced", isShort ? [] : plugin.enforced),
    ...section("Not enforced", plugin.notEnforced, true),
    ...(isShort ? [] : [
      "",
      bold(`Files (${files.length}, ${sizeText(bytes)})`),
      ...files.map(({ path, size }) => `  ${sizeText(size).padStart(9)}  ${path}`),
    ]),
  ];
  return `${lines.join("\n")}\n`;
}

/** A permission with its value, its reason, and whether it was granted. */
export function permissionText(permission: ExplainedPermission): string {
  const { kind, value, allow, reason, isOptional, isGranted } = permission;
  const what = allow.length === 0 || allow.includes(value)
    ? value
    : `${allow.join(", ")} (${value})`;
  const consent = [...isOptional ? ["optional"] : [], isGranted ? "agreed" : "not agreed"];
  return `${kind} ${what}: ${reason} (${consent.join(", ")})`;
}

/** Bytes for people: `12.3 KiB`. */
export function sizeText(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB"];
  let unit = 0;
  let value = bytes;
  for (; value >= 1024 && unit < units.length - 1; unit++) value /= 1024;
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

/** Escape foreign text, which must not move the cursor, hide, or imitate our lines. */
function withPlainText(explanation: PluginExplanation): PluginExplanation {
  return JSON.parse(
    JSON.stringify(explanation),
    (_, value) => typeof value === "string" ? plain(value) : value,
  );
}

function plain(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, " ");
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
    const value = Object.hasOwn(defaults, name) ? ` = ${JSON.stringify(defaults[name])}` : "";
    const needed = schema?.required?.includes(name) && value === "" ? ", required" : "";
    return `${shown}${kind}${value}${needed}${description === undefined ? "" : `: ${description}`}`;
  }).join("\n");
}
