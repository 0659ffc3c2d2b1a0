import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { describe, it } from "node:test";
import { parseJsonModule, parseModule } from "./parse_module.ts";

const url = "https://example.com/a.js";
const sourceUrl = `\n//# sourceURL=${url}\n`;

async function render(text: string, ...specifiers: string[]): Promise<string> {
  const rendered = (await parseModule(text, url)).render(specifiers);
  assert(rendered.endsWith(sourceUrl));
  return rendered.slice(0, -sourceUrl.length);
}

describe("a module's text", () => {
  it("is given other specifiers and nothing else", async () => {
    const text = `import a, { b as c } from './b.js'; // "./b.js"
export * from "./c.js"
const later = await import( "./d.js" ), text = 'import "./e.js"'`;
    assert.equal(
      await render(text, "1", "2", "3"),
      text.replace("'./b.js'", '"1"').replace('"./c.js"', '"2"').replace('"./d.js"', '"3"'),
    );
    const { requests } = await parseModule(text, url);
    assert.deepEqual(requests.map(({ specifier }) => specifier), ["./b.js", "./c.js", "./d.js"]);
    assert.equal(requests[1].at, "line 2, column 16");
  });

  it("reads escapes in a specifier as JavaScript does", async () => {
    const { requests } = await parseModule(String.raw`import "./\x61.js";`, url);
    assert.equal(requests[0].specifier, "./a.js");
  });

  it("loses the attributes of JSON imports, which become JavaScript", async () => {
    const text = `import a from "./a.json" with { type: "json" };
const b = import("./b.json", { with: { "type": 'json' } });`;
    const { requests } = await parseModule(text, url);
    assert.deepEqual(requests.map(({ isJson }) => isJson), [true, true]);
    assert.equal(await render(text, "1", "2"), `import a from "1";\nconst b = import("2");`);
  });

  it("has its own import.meta, also where a semicolon is left out", async () => {
    const rendered = await render("let a = 1\nimport.meta.url", url);
    assert.equal(
      rendered,
      `const importMeta = { __proto__: null, url: "${url}" }; let a = 1\nimportMeta.url`,
    );
    assert.match(
      await render("const importMeta = import.meta"),
      /^const importMeta_ = .*importMeta_$/,
    );
  });

  it("is refused where it is TypeScript, computed, or of an unknown kind", async () => {
    const refused = (text: string, message: RegExp) =>
      assert.rejects(parseModule(text, url), message);
    await refused(`import type { A } from "./a.js";`, /it is TypeScript/);
    await refused("import(name);", /import\(name\) is computed at run time \(line 1, column 8\)/);
    await refused("import(`./${name}.js`);", /computed at run time/);
    await refused(`import defer * as a from "./a.js";`, /import defer is not supported/);
    await refused(`import a from "./a.css" with { type: "css" };`, /import attributes/);
    await refused(`import("./a.json", options);`, /import attributes/);
    await refused(
      "let a = 'open\n",
      /Cannot parse plugin module https:\/\/example.com\/a.js, line 1/,
    );
  });
});

describe("a JSON module", () => {
  it("exports what JSON.parse gives, __proto__ as a name like others", async () => {
    const text = '{ "__proto__": 1, "b": "\u2028" }';
    const rendered = parseJsonModule(text, url).render([]);
    const imported = await import(
      `data:text/javascript;base64,${Buffer.from(rendered).toString("base64")}`
    );
    assert.deepEqual(imported.default, JSON.parse(text));
    assert.deepEqual(Object.keys(imported.default), ["__proto__", "b"]);
  });

  it("is refused when it is none", () => {
    assert.throws(() => parseJsonModule("{", url), /Cannot parse JSON https:\/\/example.com\/a.js/);
  });
});
