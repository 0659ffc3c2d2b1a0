import { type Import, init, parse } from "es-module-lexer";
import { messageOf } from "../../core/errors.ts";
import { PluginError } from "../errors.ts";

/** One import in a module's text. */
export interface ModuleRequest {
  /** As it stands there, escapes resolved. */
  specifier: string;
  /** True where it is imported as JSON. */
  isJson: boolean;
  /** `line 3, column 14`, both from 1. */
  at: string;
}

/** A module whose imports are known and can be written anew. */
export interface ParsedModule {
  requests: ModuleRequest[];
  /** The text with other specifiers, one for each request, in order. */
  render(specifiers: readonly string[]): string;
}

interface Edit {
  start: number;
  end: number;
  /** What takes its place: a number is the request whose specifier it is. */
  by: number | string;
}

/**
 * Find the imports of a JavaScript module without running it.
 *
 * `import.meta` is given its own object with the original URL, because the module will run from
 * another one. Imports whose specifier is only known at run time are refused: nobody could have
 * verified what they load. This is no sandbox: code that is evaluated can do what JavaScript can.
 *
 * @param text the source
 * @param url where it comes from
 * @throws PluginError `E_MODULE` for a text that cannot be parsed
 * @throws PluginError `E_IMPORT` for a kind of import that plugins may not use
 */
export async function parseModule(text: string, url: string): Promise<ParsedModule> {
  await init;
  let imports: readonly Import[];
  try {
    [imports] = parse(text, url);
  } catch (cause) {
    const { idx } = cause as { idx?: number };
    const at = idx === undefined ? "" : `, ${positionOf(text, idx)}`;
    throw new PluginError("E_MODULE", `Cannot parse plugin module ${url}${at}`, { url, cause });
  }
  const requests: ModuleRequest[] = [];
  const edits: Edit[] = [];
  let meta: string | undefined;
  for (const one of imports) {
    if (one.type === "import-meta") {
      meta ??= freeName(text);
      edits.push({ start: one.start, end: one.end, by: meta });
      continue;
    }
    const at = positionOf(text, one.start);
    const refuse = (what: string, hint: string): PluginError =>
      new PluginError("E_IMPORT", `Cannot load plugin module ${url}: ${what} (${at})`, {
        url,
        hint,
      });
    if (one.specifier === undefined || (one.type === "dynamic" && one.glob)) {
      throw refuse(
        `import(${text.slice(one.start, one.end)}) is computed at run time`,
        "import a literal, so that it can be verified before anything runs",
      );
    }
    if (one.phase !== null) {
      throw refuse(
        `import ${one.phase} is not supported`,
        "use a plain import",
      );
    }
    if (one.type !== "dynamic" && one.typeOnly) {
      throw refuse("it is TypeScript", "publish JavaScript");
    }
    const isJson = one.attributesStart >= 0;
    if (isJson && !isJsonAttribute(text.slice(one.attributesStart, one.importEnd))) {
      throw refuse("its import attributes are not known", `there is { type: "json" }`);
    }
    const by = requests.push({ specifier: one.specifier, isJson, at }) - 1;
    if (one.type === "dynamic") {
      edits.push({ start: one.start, end: isJson ? one.importEnd - 1 : one.end, by });
    } else {
      // With its quotes, and the attributes behind it.
      edits.push({ start: one.start - 1, end: isJson ? one.importEnd : one.end + 1, by });
    }
  }
  // On the first line, so that line numbers stay. A variable and not an object in its place: after
  // a line that lacks its semicolon, a parenthesis would be a call.
  const prefix = meta === undefined
    ? ""
    : `const ${meta} = { __proto__: null, url: ${JSON.stringify(url)} }; `;
  return {
    requests,
    render(specifiers) {
      let rendered = prefix;
      let at = 0;
      for (const { start, end, by } of edits) {
        rendered += text.slice(at, start) +
          (typeof by === "string" ? by : JSON.stringify(specifiers[by]));
        at = end;
      }
      return `${rendered}${text.slice(at)}\n//# sourceURL=${url}\n`;
    },
  };
}

/**
 * The module that a JSON file is.
 *
 * @throws PluginError `E_MODULE` when it is not JSON
 */
export function parseJsonModule(text: string, url: string): ParsedModule {
  try {
    JSON.parse(text);
  } catch (cause) {
    throw new PluginError("E_MODULE", `Cannot parse JSON ${url}: ${messageOf(cause)}`, {
      url,
      cause,
    });
  }
  // Parsed again when it is imported: as source text, "__proto__" would mean something else.
  const rendered = `export default JSON.parse(${JSON.stringify(text)});\n`;
  return { requests: [], render: () => rendered };
}

/** The clause of a static import, or the second argument of a dynamic one with its parenthesis. */
function isJsonAttribute(text: string): boolean {
  const type = `\\{\\s*["']?type["']?\\s*:\\s*(?:"json"|'json')\\s*,?\\s*\\}`;
  return new RegExp(`^(?:${type}|\\{\\s*with\\s*:\\s*${type}\\s*,?\\s*\\}\\s*,?\\s*\\))$`).test(
    text.trim(),
  );
}

function positionOf(text: string, index: number): string {
  const lines = text.slice(0, index).split("\n");
  return `line ${lines.length}, column ${(lines.at(-1) ?? "").length + 1}`;
}

function freeName(text: string): string {
  let name = "importMeta";
  while (text.includes(name)) name += "_";
  return name;
}
