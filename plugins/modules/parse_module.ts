import {
  type AnyNode,
  type ExportAllDeclaration,
  type ExportNamedDeclaration,
  type Expression,
  type ImportAttribute,
  type ImportDeclaration,
  type ImportExpression,
  parse,
  type Program,
  type Property,
} from "acorn";
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
  /**
   * Position at which it makes code from text, which may import unverified code; undefined if it
   * does not.
   */
  codeOfText?: string;
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
export function parseModule(text: string, url: string): ParsedModule {
  const program = parseProgram(text, url);
  const requests: ModuleRequest[] = [];
  const edits: Edit[] = [];
  let meta: string | undefined;
  let codeOfText: string | undefined;
  for (const node of nodesOf(program)) {
    const refuse = (at: number, what: string, hint: string): PluginError =>
      new PluginError(
        "E_IMPORT",
        `Cannot load plugin module ${url}: ${what} (${positionOf(text, at)})`,
        { url, hint },
      );
    if (node.type === "MetaProperty" && node.meta.name === "import") {
      meta ??= freeName(text);
      edits.push({ start: node.start, end: node.end, by: meta });
    } else if (isCodeOfText(node)) {
      codeOfText ??= positionOf(text, node.start);
    } else if (isImport(node) && node.source) {
      const { source } = node;
      if (source.type !== "Literal" || typeof source.value !== "string") {
        throw refuse(
          source.start,
          `import(${text.slice(source.start, source.end)}) is computed at run time`,
          "import a literal, so that it can be verified before anything runs",
        );
      }
      const isJson = hasAttributes(node);
      if (isJson && !isJsonImport(node)) {
        throw refuse(
          source.start,
          "its import attributes are unknown",
          `only { type: "json" } is supported`,
        );
      }
      const at = positionOf(text, source.start);
      const by = requests.push({ specifier: source.value, isJson, at }) - 1;
      const end = !isJson
        ? source.end
        : node.type === "ImportExpression"
        ? (node.options as Expression).end
        : node.end;
      edits.push({ start: source.start, end, by });
    }
  }
  // On the first line, so that line numbers stay the same. A variable rather than an object in
  // place: after a line without a semicolon, a parenthesis would be a call.
  const prefix = meta === undefined
    ? ""
    : `const ${meta} = { __proto__: null, url: ${JSON.stringify(url)} }; `;
  return {
    requests,
    codeOfText,
    render(specifiers) {
      let rendered = prefix;
      let at = 0;
      for (const { start, end, by } of edits) {
        rendered += text.slice(at, start) +
          (typeof by === "string" ? by : JSON.stringify(specifiers[by]));
        // The end of the statement of a cut clause, and its line breaks.
        const cut = text.slice(start, end);
        if (cut.endsWith(";")) rendered += ";";
        rendered += "\n".repeat(cut.split("\n").length - 1);
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

type Import =
  | ExportAllDeclaration
  | ExportNamedDeclaration
  | ImportDeclaration
  | ImportExpression;

function parseProgram(text: string, url: string): Program {
  try {
    return parse(text, { ecmaVersion: "latest", sourceType: "module", allowHashBang: false });
  } catch (cause) {
    const { pos } = cause as { pos?: number };
    const at = pos === undefined ? "" : `, ${positionOf(text, pos)}`;
    const reason = pos === undefined ? "it is nested too deeply" : messageOf(cause);
    throw new PluginError("E_MODULE", `Cannot parse plugin module ${url}${at}: ${reason}`, {
      url,
      cause,
      hint: /^\s*(import|export) type\b/m.test(text)
        ? "it is TypeScript: publish JavaScript"
        : undefined,
    });
  }
}

/** All nodes in the order of the text, without recursion. */
function nodesOf(program: Program): AnyNode[] {
  const all: AnyNode[] = [];
  const waiting: unknown[] = [program];
  while (waiting.length > 0) {
    const one = waiting.pop();
    if (Array.isArray(one)) {
      for (const each of one) waiting.push(each);
    } else if (typeof one === "object" && one !== null) {
      const node = one as AnyNode;
      all.push(node);
      for (const [name, child] of Object.entries(node)) {
        // The RegExp of a literal is not a node, and the name of a member is not a variable.
        if (node.type !== "Literal" && !isMemberName(node, name)) waiting.push(child);
      }
    }
  }
  return all.sort((a, b) => a.start - b.start || b.end - a.end);
}

function isMemberName(node: AnyNode, name: string): boolean {
  return (name === "property" && node.type === "MemberExpression" && !node.computed) ||
    (name === "key" && "computed" in node && !node.computed) ||
    (name === "imported" && node.type === "ImportSpecifier") ||
    (name === "exported" && node.type === "ExportSpecifier");
}

/**
 * True for a call of `eval`, even through `(0, eval)` or an alias, and of `Function` with text that
 * could contain an import. There are other ways to do this; see SECURITY.md.
 */
function isCodeOfText(node: AnyNode): boolean {
  // Module code cannot declare a variable of this name.
  if (node.type === "Identifier") return node.name === "eval";
  if (node.type !== "CallExpression" && node.type !== "NewExpression") return false;
  const { callee } = node;
  return callee.type === "Identifier" && callee.name === "Function" &&
    node.arguments.some((one) =>
      one.type !== "Literal" || typeof one.value !== "string" || one.value.includes("import")
    );
}

function isImport(node: AnyNode): node is Import {
  return node.type === "ImportDeclaration" || node.type === "ImportExpression" ||
    node.type === "ExportAllDeclaration" || node.type === "ExportNamedDeclaration";
}

function hasAttributes(node: Import): boolean {
  return node.type === "ImportExpression" ? node.options !== null : node.attributes.length > 0;
}

/** True only for `with { type: "json" }`. */
function isJsonImport(node: Import): boolean {
  if (node.type !== "ImportExpression") return node.attributes.every(isJsonType);
  const clause = onlyProperty(node.options);
  if (clause === undefined || nameOf(clause.key) !== "with") return false;
  const type = onlyProperty(clause.value);
  return type !== undefined && isJsonType(type);
}

/** The property of an object with exactly one, which is not computed. */
function onlyProperty(node: Expression | null | undefined): Property | undefined {
  if (node?.type !== "ObjectExpression" || node.properties.length !== 1) return undefined;
  const [property] = node.properties;
  return property.type === "Property" && !property.computed ? property : undefined;
}

function isJsonType({ key, value }: ImportAttribute | Property): boolean {
  return nameOf(key) === "type" && value.type === "Literal" && value.value === "json";
}

function nameOf(key: Expression): unknown {
  return key.type === "Identifier" ? key.name : key.type === "Literal" ? key.value : undefined;
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
