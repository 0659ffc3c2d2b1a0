import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { describe, it } from "node:test";
import { parseJsonModule, parseModule } from "./parse_module.ts";

const url = "https://example.com/a.js";
const sourceUrl = `\n//# sourceURL=${url}\n`;

function render(text: string, ...specifiers: string[]): string {
  const rendered = parseModule(text, url).render(specifiers);
  assert(rendered.endsWith(sourceUrl));
  return rendered.slice(0, -sourceUrl.length);
}

describe("A module's text", () => {
  it("A module's text is changed only in its specifiers", async () => {
    const text = `import a, { b as c } from './b.js'; // "./b.js"
export * from "./c.js"
const later = await import( "./d.js" ), text = 'import "./e.js"'`;
    assert.equal(
      render(text, "1", "2", "3"),
      text.replace("'./b.js'", '"1"').replace('"./c.js"', '"2"').replace('"./d.js"', '"3"'),
    );
    const { requests } = parseModule(text, url);
    assert.deepEqual(requests.map(({ specifier }) => specifier), ["./b.js", "./c.js", "./d.js"]);
    assert.equal(requests[1].at, "line 2, column 15");
  });

  it("A module's text decodes escapes in a specifier like JavaScript", async () => {
    const { requests } = parseModule(String.raw`import "./\x61.js";`, url);
    assert.equal(requests[0].specifier, "./a.js");
  });

  it("A module's text loses the attributes of JSON imports, which become JavaScript", async () => {
    const text = `import a from "./a.json" with { type: "json" };
const b = import("./b.json", { with: { "type": 'json' } });`;
    const { requests } = parseModule(text, url);
    assert.deepEqual(requests.map(({ isJson }) => isJson), [true, true]);
    assert.equal(render(text, "1", "2"), `import a from "1";\nconst b = import("2");`);
  });

  it("A module's text has its own import.meta, even without a semicolon", async () => {
    const rendered = render("let a = 1\nimport.meta.url", url);
    assert.equal(
      rendered,
      `const importMeta = { __proto__: null, url: "${url}" }; let a = 1\nimportMeta.url`,
    );
    assert.match(
      render("const importMeta = import.meta"),
      /^const importMeta_ = .*importMeta_$/,
    );
  });

  it("A module's text is rejected if it is TypeScript, computed, or of an unknown kind", async () => {
    const refused = (text: string, message: RegExp) =>
      assert.throws(() => parseModule(text, url), message);
    refused(`import type { A } from "./a.js";`, /it is TypeScript/);
    refused("import(name);", /import\(name\) is computed at run time \(line 1, column 8\)/);
    refused("import(`./${name}.js`);", /computed at run time/);
    refused(
      `import defer * as a from "./a.js";`,
      /Cannot parse plugin module [^]*, line 1, column 14/,
    );
    refused(`import a from "./a.css" with { type: "css" };`, /import attributes/);
    refused(`import("./a.json", options);`, /import attributes/);
    refused(
      "let a = 'open\n",
      /Cannot parse plugin module https:\/\/example.com\/a.js, line 1/,
    );
  });
});

describe("The imports of a module", () => {
  // Each is valid JavaScript in which a slash divides.
  const hidden = [
    `const q = class {} / import("node:os") / 1;`,
    `const q = function () {} / import("node:os") / 1;`,
    `const o = { return: 1 }; const q = o.return / import("node:os") / 1;`,
    `const o = { if: () => 1 }; const q = o.if(1) / import("node:os") / 1;`,
    `class A { #if() { return 1; } a() { return this.#if() / import("node:os") / 1; } }`,
    `let a = 1; const q = a++ / import("node:os") / 1;`,
    "const q = `${1}` / import('node:os') / 1;",
    `const q = [{}[0] / import("node:os") / 1, ({ a: {} / import("node:os") / 1 })];`,
    `const q = { m() {} } / import("node:os") / 1;`,
    `label: { } /import("x")/; import("node:os");`,
    `x = async () => { for await (const a of b) /import("x")/.test(await import("node:os")); };`,
  ];
  for (const text of hidden) {
    it(`The imports of a module are found in ${text}`, () => {
      const { requests } = parseModule(text, url);
      assert(requests.some(({ specifier }) => specifier === "node:os"));
    });
  }

  it("The imports of a module are not looked for in text, comments and regular expressions", () => {
    const text = `/import(".a.js")/.test("import './b.js'"); // import("./c.js")
/* import "./d.js" */ const t = \`import("./e.js")\`;`;
    assert.deepEqual(parseModule(text, url).requests, []);
  });

  it("The imports of a module that code in text may make are reported", () => {
    for (
      const text of [
        `eval('import("node:os")');`,
        `(0, eval)(text);`,
        `const run = eval;`,
        `new Function("return import('node:os')");`,
        `Function(text)();`,
      ]
    ) {
      assert.match(parseModule(text, url).codeOfText ?? "none", /^line 1/, text);
    }
    for (
      const text of [
        `Function("return this")();`,
        `model.eval(); const m = { eval: 1, async eval2() {} }; class A { eval() {} }`,
        `import { eval as run } from "./a.js"; export { run as eval };`,
      ]
    ) {
      assert.equal(parseModule(text, url).codeOfText, undefined, text);
    }
  });

  it("The imports of a module of a text that is nested too deeply are an error, not a crash", () => {
    assert.throws(() => parseModule("(".repeat(200_000), url), /Cannot parse plugin module/);
    assert.throws(() => parseModule(`x = ${"[".repeat(100_000)}${"]".repeat(100_000)}`, url), {
      code: "E_MODULE",
    });
  });

  it("The imports of a module keep their lines and semicolons where a clause is cut", () => {
    const text = `import a from "./a.json" with {\n  type: "json", // } \n};\nimport.meta;`;
    assert.equal(render(text, "1").split("\n").length, text.split("\n").length);
    parseModule(render(text, "1"), url);
  });
});

describe("A JSON module", () => {
  it("A JSON module exports the result of JSON.parse, with __proto__ as a normal name", async () => {
    const text = '{ "__proto__": 1, "b": "\u2028" }';
    const rendered = parseJsonModule(text, url).render([]);
    const imported = await import(
      `data:text/javascript;base64,${Buffer.from(rendered).toString("base64")}`
    );
    assert.deepEqual(imported.default, JSON.parse(text));
    assert.deepEqual(Object.keys(imported.default), ["__proto__", "b"]);
  });

  it("A JSON module is rejected if it is invalid", () => {
    assert.throws(() => parseJsonModule("{", url), /Cannot parse JSON https:\/\/example.com\/a.js/);
  });
});
