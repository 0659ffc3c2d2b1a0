import { type Import, init, parse } from "es-module-lexer";
import { messageOf } from "../../core/errors.ts";
import { PluginError } from "../errors.ts";

/** An import in the text of a module. */
export interface ModuleRequest {
  /** Specifier, with escapes resolved. */
  specifier: string;
  /** Whether it is imported as JSON. */
  isJson: boolean;
  /** Position: `line 3, column 14`, both from 1. */
  at: string;
}

/** A module with known imports, which can be rewritten. */
export interface ParsedModule {
  requests: ModuleRequest[];
  /** The text with other specifiers, one for each request, in order. */
  render(specifiers: readonly string[]): string;
}

interface Edit {
  start: number;
  end: number;
  /** Replacement; a number is the index of a request, whose specifier is inserted. */
  by: number | string;
}

/**
 * Find the imports of a JavaScript module without running it.
 *
 * `import.meta` is replaced by an object with the original URL, because the module runs from
 * another one. Imports with computed specifiers are rejected, because their target could not be
 * verified. This is not a sandbox: evaluated code can do whatever JavaScript can.
 *
 * @param text source code
 * @param url original URL
 * @throws PluginError `E_MODULE` for invalid source code
 * @throws PluginError `E_IMPORT` for an unsupported kind of import
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
      throw refuse("its import attributes are unknown", `there is { type: "json" }`);
    }
    const by = requests.push({ specifier: one.specifier, isJson, at }) - 1;
    if (one.type === "dynamic") {
      edits.push({ start: one.start, end: isJson ? one.importEnd - 1 : one.end, by });
    } else {
      // With its quotes and the attributes that follow.
      edits.push({ start: one.start - 1, end: isJson ? one.importEnd : one.end + 1, by });
    }
  }
  // On the first line, so that line numbers stay the same. A variable rather than an object in
  // place: after a line without a semicolon, a parenthesis would be a call.
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
 * The module of a JSON file.
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
  // Parsed again on import: in source text, "__proto__" would have another meaning.
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
