import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { pathToFileURL } from "node:url";
import { bundle } from "./bundle.ts";

const large = `export const large = "${"x".repeat(50_000)}";\n`;
const modules: Record<string, string> = {
  // Each module is used by other entry points, so that esbuild makes a chunk of each.
  "base.js": `globalThis.bundleOrder.push("base");
export class Base { static of() { return new Base(); } }`,
  "left.js": `import { Base } from "./base.js";
globalThis.bundleOrder.push("left");
export class Left extends Base { static of() { return new Left(); } }`,
  "right.js": `import { Base } from "./base.js";
globalThis.bundleOrder.push("right");
export class Right extends Base {}
export const hidden = () => "right";`,
  "hidden.js": `import { Left } from "./left.js";
globalThis.bundleOrder.push("hidden");
export const hidden = () => Left.of();`,
  "large.js": large,
  "entry_left.js": `export { Left } from "./left.js";\nexport { hidden } from "./hidden.js";`,
  "entry_right.js": `export { Right } from "./right.js";`,
  "entry_large.js": `export { large } from "./large.js";\nexport { Base } from "./base.js";`,
  "entry_main.js": `export * from "./entry_left.js";
export * from "./entry_right.js";
export * from "./entry_large.js";
export { hidden as rightHidden } from "./right.js";
export const late = () => import("./late.js");`,
  "late.js": `import { Right } from "./right.js";\nexport const made = new Right();`,
};

/** What the entry points export. */
interface Exports {
  Base: Class;
  Left: Class;
  Right: Class;
  hidden(): unknown;
  rightHidden(): unknown;
  late(): Promise<{ made: unknown }>;
}

interface Class {
  readonly name: string;
  new (): object;
}

describe("bundle", () => {
  let folder: string;
  let main: Exports;
  const order: string[] = [];
  const load = (name: string): Promise<Exports> =>
    import(pathToFileURL(join(folder, `out/${name}.js`)).href);

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "keepfit-bundle-"));
    await mkdir(join(folder, "in"));
    for (const [path, text] of Object.entries(modules)) {
      await writeFile(join(folder, "in", path), text);
    }
    const names = Object.keys(modules).filter((path) => path.startsWith("entry_"))
      .map((path) => path.replace(/^entry_(\w+)\.js$/, "$1"));
    await bundle({
      absWorkingDir: join(folder, "in"),
      entryPoints: Object.fromEntries(names.map((name) => [name, `entry_${name}.js`])),
      main: "main",
      outdir: join(folder, "out"),
      chunkNames: "chunks/[name]-[hash]",
    });
    Reflect.set(globalThis, "bundleOrder", order);
    main = await load("main");
  });
  after(async () => {
    Reflect.deleteProperty(globalThis, "bundleOrder");
    await rm(folder, { recursive: true, force: true });
  });

  /** The files that an entry point loads, with their texts. */
  async function loaded(path: string, found = new Map<string, string>()) {
    if (found.has(path)) return found;
    const text = await readFile(join(folder, "out", path), "utf8");
    found.set(path, text);
    for (const [, specifier] of text.matchAll(/^(?:import|} from) "\.\/([^"]+)";$/gm)) {
      await loaded(join(path, "..", specifier), found);
    }
    return found;
  }

  it("bundle joins small modules into one chunk, even if some entry points need only one", async () => {
    const texts = [...(await loaded("right.js")).values()].join("");
    assert.match(texts, /Left/);
    assert.equal((await loaded("right.js")).size, 2);
    assert.equal((await readdir(join(folder, "out/chunks"))).length, 3);
  });

  it("bundle keeps a large module out of the entry points that do not need it", async () => {
    const bytes = async (name: string) =>
      [...(await loaded(`${name}.js`)).values()].join("").length;
    assert.ok(await bytes("left") < 5000);
    assert.ok(await bytes("large") > 50_000);
    assert.ok(await bytes("main") > 50_000);
  });

  it("bundle evaluates each module once, after its imports", async () => {
    await load("left");
    await load("right");
    assert.deepEqual([...order].sort(), ["base", "hidden", "left", "right"]);
    assert.equal(order[0], "base");
    assert.ok(order.indexOf("left") < order.indexOf("hidden"));
  });

  it("bundle gives all entry points the same classes", async () => {
    assert.equal((await load("left")).Left, main.Left);
    assert.equal((await load("right")).Right, main.Right);
    assert.equal((await load("large")).Base, Object.getPrototypeOf(main.Left));
    assert.ok((await main.late()).made instanceof main.Right);
  });

  it("bundle keeps the names of exports, and of classes that refer to themselves", () => {
    assert.deepEqual(
      Object.keys(main),
      ["Base", "Left", "Right", "hidden", "large", "late", "rightHidden"],
    );
    assert.deepEqual([main.Base.name, main.Left.name, main.Right.name], ["Base", "Left", "Right"]);
    assert.ok(main.hidden() instanceof main.Left);
    assert.equal(main.rightHidden(), "right");
  });
});
