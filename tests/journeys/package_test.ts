import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { build } from "esbuild";
import { committedSizes } from "../../build/sizes.ts";
import { installPackage } from "../installed.ts";

describe("The built npm package", () => {
  let folder: string;
  let runtime: string[];
  let names: string[];
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "keepfit-package-"));
    runtime = (await installPackage(folder)).slice(0, -1);
    const { exports } = JSON.parse(
      await readFile(join(folder, "node_modules/keepfit/package.json"), "utf8"),
    );
    names = Object.keys(exports).map((name) => name.replace(".", "keepfit"));
    await writeFile(join(folder, "package.json"), `{ "type": "module" }\n`);
  });
  after(() => rm(folder, { recursive: true, force: true }));

  /** The bundle of a program, without packages and late imports. */
  async function bundled(program: string) {
    const { metafile } = await build({
      absWorkingDir: folder,
      stdin: { contents: program, resolveDir: folder },
      outfile: "bundle.js",
      bundle: true,
      minify: true,
      format: "esm",
      metafile: true,
      write: false,
      plugins: [{
        name: "only keepfit",
        setup(build) {
          build.onResolve(
            { filter: /./ },
            ({ path, kind }) =>
              kind === "dynamic-import" || !/^(\.|keepfit)/.test(path)
                ? { path, external: true }
                : undefined,
          );
        },
      }],
    });
    const [{ bytes }] = Object.values(metafile.outputs);
    // Without the program itself.
    return { bytes, files: Object.keys(metafile.inputs).length - 1 };
  }

  it("The built npm package has its code in few files", async () => {
    const { files } = await bundled(`import * as all from "keepfit"; console.log(all);`);
    assert.ok(files <= 20, `import "keepfit" loads ${files} files`);
  });

  it("The built npm package lets a bundler remove the code that a program does not use", async () => {
    const { bytes } = await bundled(`export { EarlyStopping, fit } from "keepfit";`);
    const inSources = committedSizes()["{ EarlyStopping, fit }"].bytes;
    assert.ok(bytes < inSources * 1.1, `${bytes} bytes, from the sources ${inSources}`);
  });

  it("The built npm package keeps the names of its classes and functions", async () => {
    const program = `for (const path of ${JSON.stringify(names)}) {
  for (const [name, value] of Object.entries(await import(path))) {
    if (typeof value === "function" && value.name !== name) console.log(path, name, value.name);
  }
}
console.log("checked");
`;
    await writeFile(join(folder, "names.js"), program);
    const [command, ...flags] = runtime;
    const { stdout } = await promisify(execFile)(command, [...flags, join(folder, "names.js")], {
      cwd: folder,
    });
    assert.equal(stdout, "checked\n");
  });
});
