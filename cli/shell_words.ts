/**
 * Translate a message for the command line: options in code become the equivalent flag or key of
 * `keepfit.json`.
 *
 * @param command name of the command that reports it; some take the callback's options in another
 *   way
 */
export function inShell(message: string, command?: string): string {
  return words.reduce(
    (text, [code, shell]) => text.replace(code, (...match: string[]) => shell(match, command)),
    message,
  );
}

/** A word quoted for a POSIX shell. */
export function shellQuoted(text: string): string {
  return /^[\w@%+=:,./^~-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

type Shell = (match: string[], command: string | undefined) => string;

const words: [code: RegExp, shell: Shell][] = [
  [
    /pass \{ allow: \{ (\w+): (\[.*\]) \} \}/g,
    ([, kind, values]) => `pass --allow ${shellQuoted(`${kind}=${JSON.parse(values).join(",")}`)}`,
  ],
  [
    /pass it options: (\{.*\})/g,
    ([, options], command) =>
      `pass ${command === "dev" || command === "check" ? "--" : "--options"} ` +
      shellQuoted(options),
  ],
  [/\{ outputDir \}/g, () => "--output-dir DIR"],
  [/\{ tier: "(\w+)" \}/g, ([, tier]) => `--tier ${tier}`],
  [/\{ callback \} as one of/g, () => "--callback NAME, one of"],
  [/\{ limits: \{ (\w+) \} \}/g, ([, limit]) => `"limits": { "${limit}": … } in keepfit.json`],
  [/pass \{ data: \{ x, y \} \}/g, () => "load it in your program, with { data: { x, y } }"],
  [/, in code with \{ registry: [^{}]*\}/g, () => ""],
  [/\{ registry: [^{}]* \}/g, () => "--registry URL"],
  [/name one with \{ lock: [^{}]* \}/g, () => "run it in the folder of the project"],
  [/\{ offline: true \}/g, () => "--offline"],
  [/\{ trustFirstUse: true \}/g, () => "keepfit add"],
  [/\(cacheDir\)/g, () => `("cacheDir" in keepfit.json)`],
  [/in the option tokens or in KEEPFIT/g, () => "in KEEPFIT"],
  [/in the option tokens/g, () => "in KEEPFIT_AUTH_TOKENS"],
  [/; for a file beside your module write new URL\(.*?import\.meta\.url\)/g, () => ""],
];
