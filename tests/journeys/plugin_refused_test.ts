import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import { computeIntegrity } from "keepfit/plugins";
import { getRuntime } from "keepfit/runtime";
import { fails, load, publish, recording, setUpSite, site } from "./plugin_site.ts";

setUpSite();

describe("A plugin that must not run", () => {
  /** A module that records that it was evaluated. */
  const marking = `globalThis.evaluated = true; ${recording("")}`;
  const evaluated = () => (globalThis as { evaluated?: boolean }).evaluated;
  beforeEach(() => {
    delete (globalThis as { evaluated?: boolean }).evaluated;
  });

  it("A plugin is rejected if a file does not match the manifest", async () => {
    const url = await publish({ "main.js": marking });
    site.pages.set(new URL("main.js", url).pathname, marking.replace("true", "TRUE"));
    const error = await fails(
      "E_INTEGRITY",
      /expected: sha384-.*\n.*actual: {3}sha384-/,
      load(url),
    );
    assert.match(error.url ?? "", /main\.js$/);
    assert.equal(evaluated(), undefined);
  });

  it("A plugin is rejected if the manifest does not match the reference", async () => {
    const url = await publish({ "main.js": marking });
    const other = await computeIntegrity(new Uint8Array(1));
    const error = await fails(
      "E_INTEGRITY",
      /does not match its integrity/,
      load(`${url}#${other}`),
    );
    await fails("E_INTEGRITY", /does not match its integrity/, load(url, { integrity: other }));
    await load(`${url}#${error.actual}`);
  });

  it("A plugin is rejected from a network without integrity, with advice", async () => {
    const url = await publish({ "main.js": marking });
    // A host other than this machine, served by this test.
    const options = {
      tier: "trusted" as const,
      fetch: (input: string, init: RequestInit) =>
        fetch(input.replace("https://plugins.example/", site.url), init),
    };
    const far = url.replace(site.url, "https://plugins.example/");
    const error = await fails(
      "E_INTEGRITY",
      /if you trust it, run keepfit add, or load https:/,
      load(far, options),
    );
    assert.equal(site.asked.length, 1);
    const reference = /load (https:\S+)$/.exec(error.message)?.[1] ?? "";
    assert.equal(reference, `${far}#${error.actual}`);
    await load(reference, options);
    assert.equal(evaluated(), true);
  });

  it("A plugin is rejected if its manifest is invalid", async () => {
    const url = await publish({ "main.js": marking }, { id: "Ada", permision: {} });
    const error = await fails("E_MANIFEST", /2 problems/, load(url));
    assert.match(error.message, /id: found "Ada", expected owner\/name/);
    assert.match(error.message, /permision: is not a key of a manifest/);
  });

  it("A plugin is rejected on another runtime or engine, or outside a sandbox that it requires", async () => {
    const files = { "main.js": marking };
    await fails("E_RUNTIME", /browser/, load(await publish(files, { runtimes: ["browser"] })));
    const core = load(await publish(files, { engines: { core: "^7.1" } }));
    await fails("E_ENGINE", /expected: keepfit \^7\.1/, core);
    const { name } = getRuntime();
    const engines = { core: ">=0.1", [name]: ">=900" };
    await fails("E_ENGINE", new RegExp(`${name} >=900`), load(await publish(files, { engines })));
    const sandbox = { support: "required" };
    const free = load(await publish(files, { sandbox }), { tier: "trusted" });
    await fails("E_SANDBOX", /does not run trusted/, free);
    const wanting = await publish(files, {}, { controls: ["saveCheckpoint"] });
    await fails("E_PERMISSION", /actual: {3}saveCheckpoint/, load(wanting));
    assert.equal(evaluated(), undefined);
  });

  it("A plugin is rejected with invalid options", async () => {
    const schema = {
      type: "object",
      properties: { every: { type: "integer", minimum: 1 } },
      additionalProperties: false,
    };
    const url = await publish({ "main.js": marking }, {}, { options: schema });
    const wrong = load(url, { options: { every: 0, evry: 2 } });
    const error = await fails("E_OPTIONS", /options\.every: found 0, expected >= 1/, wrong);
    assert.match(error.message, /options\.evry: is not an option; available: every/);
    const needed = { ...schema, required: ["every"] };
    const needing = await publish({ "main.js": marking }, {}, { options: needed });
    await fails(
      "E_OPTIONS",
      /pass it options: \{"every":1\}$/,
      load(needing, { options: { a: 1 } }),
    );
    const none = await publish({ "main.js": marking });
    await fails("E_OPTIONS", /available: none/, load(none, { options: { a: 1 } }));
    assert.equal(evaluated(), undefined);
  });

  it("A plugin is rejected for unverified imports, with line and column", async () => {
    const cases: [string, RegExp][] = [
      [`\n  const m = await import("./" + "a.js");`, /computed at run time \(line 2, column 26\)/],
      ["await import(`./${1}.js`);", /computed at run time/],
      [`import "node:fs";`, /"node:fs" \(line 1, column 8\), which belongs to one runtime/],
      [`import "lodash";`, /which is not a file of the plugin/],
      [`import "./other.js";`, /which its manifest does not list/],
      [`import "../secret.js";`, /which its manifest does not list/],
      [`import "data:text/javascript,";`, /which is not a file of the plugin/],
      [`import a from "./main.js" with { type: "css" };`, /import attributes/],
      [`const q = class {} / import("node:fs") / 1;`, /"node:fs" \(line 1, column 29\)/],
      [`const m = await eval('import("node:fs")');`, /makes code from text \(line 1, column 17\)/],
      [`const m = new Function("return import('node:fs')");`, /makes code from text/],
    ];
    for (const [line, message] of cases) {
      const url = await publish({ "main.js": `${line}\n${marking}` });
      await fails("E_IMPORT", message, load(url));
    }
    assert.equal(evaluated(), undefined);
  });
});

describe("A plugin that is broken", () => {
  it("A broken plugin is reported: syntax, evaluation, export, factory, hooks", async () => {
    const broken = async (text: string, callback = {}) =>
      load(await publish({ "main.js": text }, {}, callback));
    await fails("E_MODULE", /main\.js/, broken("export default function ( {"));
    await fails("E_MODULE", /main\.js/, broken("const a = 1; const a = 2; export default 1;"));
    const thrown = await fails("E_MODULE", /no good/, broken(`throw new RangeError("no good");`));
    assert(thrown.cause instanceof RangeError);
    await fails("E_EXPORT", /no such export/, broken("export const other = 1;"));
    await fails("E_EXPORT", /actual: {3}object/, broken("export default {};"));
    await fails("E_EXPORT", /no onEpochEnd/, broken("export default () => ({});"));
    await fails("E_EXPORT", /actual: {3}undefined/, broken("export default () => {};"));
    const source = `export default () => { throw new TypeError("not today"); };`;
    const factory = await fails("E_FACTORY", /not today/, broken(source));
    assert(factory.cause instanceof TypeError);
  });

  it("A plugin with several callbacks needs the name of one", async () => {
    const entry = { export: "default", hooks: ["onEpochEnd"], controls: [] };
    const callbacks = [{ name: "a", ...entry }, { name: "b", ...entry }];
    const url = await publish({ "main.js": recording("") }, { callbacks });
    await fails("E_EXPORT", /one of a, b/, load(url));
    assert.equal((await load(url, { callback: "b" })).name, "ada/counter:b");
  });
});

describe("A server that fails", () => {
  it("A failing server cannot send more than was declared", async () => {
    const url = await publish({ "main.js": recording("") });
    site.pages.set(new URL("main.js", url).pathname, "x".repeat(100_000));
    await fails("E_LIMIT", /larger than in the manifest[^]*at most \d+ bytes[^]*pack/, load(url));
    site.pages.set("/big.json", " ".repeat(300 * 1024));
    await fails("E_LIMIT", /at most 262144 bytes/, load(`${site.url}big.json`));
  });
});
