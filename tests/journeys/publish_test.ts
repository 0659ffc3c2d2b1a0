import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, before, describe, it } from "node:test";
import { pathToFileURL } from "node:url";
import { root } from "../files.ts";
import { currentRuntime, scriptArguments } from "../runtimes/mod.ts";

const tfjs = JSON.parse(await readFile(`${root}package.json`, "utf8"))
  .dependencies["@tensorflow/tfjs"];

// On each runtime, the test is a newcomer who has only that runtime.
if (currentRuntime === "deno") {
  describe("keepfit by URL, on Deno without a config file", () => {
    let folder: string;
    let site: Site;
    before(async () => {
      folder = await mkdtemp(join(tmpdir(), "keepfit-publish-"));
      await runScript(`${root}build/web.ts`, [`${folder}/web`]);
      site = await serve(`${folder}/web`);
      await mkdir(`${folder}/empty`);
      await writeFile(
        `${folder}/empty/train.ts`,
        trainingScript(`npm:@tensorflow/tfjs@${tfjs}`, `${site.url}mod.js`),
      );
    });
    after(async () => {
      await site?.close();
      await rm(folder, { recursive: true, force: true });
    });
    const newcomer = (command: string, ...rest: string[]) => {
      const imports = `--allow-import=${new URL(site.url).host}`;
      return succeed(process.execPath, [command, imports, ...rest], `${folder}/empty`);
    };

    it("keepfit by URL trains a model", async () => {
      const output = await newcomer(
        "run",
        "--no-prompt",
        "--allow-env",
        "--allow-read",
        "train.ts",
      );
      assert.match(output, trained);
      assert.doesNotMatch(output, /already registered/);
    });

    it("keepfit by URL type-checks, and rejects an option of the wrong type", async () => {
      await newcomer("check", "train.ts");
      await writeFile(`${folder}/empty/wrong.ts`, await misspelled(`${folder}/empty/train.ts`));
      await assert.rejects(newcomer("check", "wrong.ts"), wrongType);
    });

    it("keepfit by URL fetches nothing from elsewhere, so that the user's tfjs is the only one", async () => {
      const { modules } = JSON.parse(
        await newcomer("info", "--quiet", "--json", `${site.url}mod.js`),
      ) as Graph;
      assert.ok(modules.length > 1);
      // Backends are imported only on request.
      const elsewhere = modules
        .filter(({ specifier }) => specifier.endsWith(".js"))
        .flatMap(({ dependencies = [] }) => dependencies)
        .filter(({ isDynamic }) => !isDynamic)
        .map(({ code }) => code?.specifier ?? "")
        .filter((specifier) => !/^(node:|$)/.test(specifier) && !specifier.startsWith(site.url));
      assert.deepEqual(elsewhere, []);
    });

    it("keepfit by URL loads a plugin", async () => {
      const plugin = "examples/plugins/keepfit/epoch-report/0.1.0/callback.plugin.json";
      await writeFile(
        `${folder}/empty/plugin.ts`,
        `import { CallbackList } from "${site.url}mod.js";
import { loadPlugin } from "${site.url}plugins.js";

const list = new CallbackList(
  await loadPlugin("${pathToFileURL(root + plugin)}", {
    outputDir: "${folder}/empty/out",
    cacheDir: "${folder}/cache",
  }),
);
await list.onTrainBegin();
await list.onEpochEnd(0, { loss: 0.7 });
await list.onEpochEnd(1, { loss: 0.5 });
await list.onTrainEnd();
await list.close();
`,
      );
      await newcomer(
        "run",
        "--no-prompt",
        "--allow-env",
        "--allow-read",
        "--allow-write",
        "plugin.ts",
      );
      assert.match(await readFile(`${folder}/empty/out/learning-curve.svg`, "utf8"), /loss/);
    });

    it("keepfit by URL serves a single callback without the others", async () => {
      const url = `${site.url}callbacks/early_stopping.js`;
      await writeFile(
        `${folder}/empty/one.ts`,
        `import { EarlyStopping } from "${url}";\nconsole.log(new EarlyStopping({ patience: 3 }).patience);\n`,
      );
      assert.match(await newcomer("run", "--no-prompt", "one.ts"), /^3$/m);
      const graph = async (url: string) =>
        (JSON.parse(await newcomer("info", "--quiet", "--json", url)) as Graph).modules
          // Code in npm packages does not count.
          .filter(({ specifier }) => specifier.startsWith(site.url) && specifier.endsWith(".js"))
          .reduce((bytes, { size }) => bytes + size, 0);
      assert.ok(await graph(url) < await graph(`${site.url}mod.js`) / 2);
    });
  });
} else {
  describe(`keepfit from its npm package, on ${currentRuntime}`, () => {
    let folder: string;
    before(async () => {
      folder = await mkdtemp(join(tmpdir(), "keepfit-publish-"));
      await runScript(`${root}build/npm.ts`, [`${folder}/npm`]);
      const bun = currentRuntime === "bun";
      const packager = bun ? process.execPath : "npm";
      const pack = bun ? ["pm", "pack", "--destination"] : ["pack", "--pack-destination"];
      await succeed(packager, [...pack, folder], `${folder}/npm`);
      const archive = (await readdir(folder)).find((name) => name.endsWith(".tgz"));
      await mkdir(`${folder}/empty`);
      await writeFile(`${folder}/empty/package.json`, `{ "private": true, "type": "module" }\n`);
      await succeed(packager, [bun ? "add" : "install", `../${archive}`], `${folder}/empty`);
      // The script has no types, so that it is valid JavaScript.
      const script = trainingScript("@tensorflow/tfjs", "keepfit");
      await writeFile(`${folder}/empty/train.js`, script);
      await writeFile(`${folder}/empty/train.ts`, script);
    });
    after(() => rm(folder, { recursive: true, force: true }));
    const newcomer = (...rest: string[]) => succeed(process.execPath, rest, `${folder}/empty`);

    it("keepfit from its npm package trains a model", async () => {
      const output = await newcomer("train.js");
      assert.match(output, trained);
      assert.doesNotMatch(output, /already registered/);
    });

    it("keepfit from its npm package can be imported subpath by subpath", async () => {
      const { exports } = await installed();
      const names = Object.keys(exports).map((name) => name.replace(".", "keepfit"));
      assert.ok(names.includes("keepfit/callbacks/early_stopping"));
      await writeFile(
        `${folder}/empty/all.js`,
        `for (const name of ${JSON.stringify(names)}) {
  console.log(name, Object.keys(await import(name)).length > 0);
}
`,
      );
      assert.equal(
        (await newcomer("all.js")).trim(),
        names.map((name) => `${name} true`).join("\n"),
      );
    });

    it("keepfit from its npm package has the keepfit command", async () => {
      const { version } = await installed();
      const command = `${folder}/empty/node_modules/.bin/keepfit`;
      const output = currentRuntime === "bun"
        ? await newcomer(command, "--version")
        : await succeed(command, ["--version"], folder);
      assert.ok(output.includes(version));
    });

    it("keepfit from its npm package type-checks, and rejects an option of the wrong type", async () => {
      await writeFile(
        `${folder}/empty/tsconfig.json`,
        JSON.stringify({
          compilerOptions: {
            module: "nodenext",
            strict: true,
            noEmit: true,
            types: [],
            skipLibCheck: true,
          },
        }),
      );
      const check = () => newcomer(`${root}node_modules/typescript/bin/tsc`, "-p", ".");
      await check();
      await writeFile(`${folder}/empty/wrong.ts`, await misspelled(`${folder}/empty/train.ts`));
      await assert.rejects(check(), wrongType);
    });

    async function installed(): Promise<Installed> {
      return JSON.parse(
        await readFile(`${folder}/empty/node_modules/keepfit/package.json`, "utf8"),
      );
    }
  });
}

/** The part of the installed package's manifest that the test reads. */
interface Installed {
  version: string;
  exports: Record<string, string>;
}

/** The part of `deno info --json` that the test reads. */
interface Graph {
  modules: {
    specifier: string;
    size: number;
    dependencies?: { code?: { specifier: string }; isDynamic?: boolean }[];
  }[];
}

/** A first program, which stops early in its second epoch. */
function trainingScript(tfjs: string, keepfit: string): string {
  return `import * as tf from "${tfjs}";
import { EarlyStopping, fit } from "${keepfit}";

const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [2] })] });
model.compile({ optimizer: "sgd", loss: "meanSquaredError" });
const stopping = new EarlyStopping({ monitor: "loss", minDelta: 1000, patience: 1 });
const { epoch } = await fit(model, tf.ones([8, 2]), tf.ones([8, 1]), {
  epochs: 50,
  verbose: 0,
  callbacks: [stopping],
});
console.log(\`\${epoch.length} epochs, stopped at \${stopping.stoppedEpoch}\`);
`;
}
const trained = /^2 epochs, stopped at 1$/m;

/** The training script with a string instead of a number. */
async function misspelled(path: string): Promise<string> {
  return (await readFile(path, "utf8")).replace("patience: 1", 'patience: "one"');
}
const wrongType = /Type 'string' is not assignable to type 'number/;

interface Site {
  url: string;
  close(): Promise<void>;
}

/** Serve a folder on loopback, as any static host would. */
async function serve(folder: string): Promise<Site> {
  const server = createServer(async (request, response) => {
    try {
      const body = await readFile(folder + new URL(request.url!, "http://localhost").pathname);
      const type = request.url!.endsWith(".js") ? "text/javascript" : "application/typescript";
      response.writeHead(200, { "content-type": type }).end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

/** Run a script of the repository on this runtime. */
function runScript(file: string, args: string[]): Promise<string> {
  return succeed(process.execPath, [...scriptArguments(currentRuntime, file), ...args], root);
}

/** Run a command and return its output; reject with the output if it fails. */
function succeed(command: string, args: string[], cwd: string): Promise<string> {
  const child = spawn(command, args, {
    cwd,
    env: { ...process.env, NO_COLOR: "1" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => output += text);
  child.stderr.setEncoding("utf8").on("data", (text: string) => output += text);
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0) return resolve(output);
      reject(new Error(`${command} ${args.join(" ")} ended with exit code ${code}:\n${output}`));
    });
  });
}
