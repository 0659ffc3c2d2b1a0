/** Runs the programs in the READMEs of the plugins, like a reader with a clone. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import process from "node:process";
import { after, before, describe, it } from "node:test";
import { getRuntime } from "keepfit/runtime";
import { pluginControls, pluginPermissions } from "../../plugins/manifest/format.ts";
import { MlflowServer } from "../../examples/plugins/keepfit/mlflow/mlflow_server.ts";
import { root } from "../files.ts";
import { ownPort } from "../ports.ts";
import { currentRuntime, scriptArguments } from "../runtimes/mod.ts";
import { parseBlocks } from "../documents.ts";

/** A request that a plugin sent. */
interface Received {
  method: string;
  path: string;
  text: string;
}

/** Servers that the program of a README needs, and its expected output. */
interface Expectation {
  /** Address in the program that needs a server. */
  server?: string;
  respond?: (request: { method: string; url: string; text: string }) => Response;
  /** Check its output and the requests it sent. */
  check(output: string, received: readonly Received[]): void | Promise<void>;
}

const plugins = join(root, "examples/plugins/keepfit");
const mlflow = new MlflowServer();
/** Folder of the programs and their output. */
let folder: string;
/** Folder of the commands that show a notification. */
let desktop: string;

/** Expectations by plugin; every README must be listed. */
const expectations: Record<string, Expectation> = {
  "confusion-matrix": {
    check: async () => {
      const files = await readdir(join(folder, "confusion-matrix"));
      assert(files.some((name) => name.startsWith("events.out.tfevents.")), files.join());
    },
  },
  "desktop-notification": {
    check: () => {
      assert.match(readFileSync(join(desktop, "shown"), "utf8"), /A model.*Training has ended/s);
    },
  },
  "epoch-report": {
    check: () => {
      const svg = readFileSync(join(folder, "epoch-report/learning-curve.svg"), "utf8");
      assert.match(svg, /Five epochs/);
    },
  },
  mlflow: {
    server: "127.0.0.1:5000",
    respond: mlflow.respond,
    check: () => {
      const [run] = mlflow.runs.values();
      assert.deepEqual([run.status, run.tags.team], ["FINISHED", "vision"]);
      assert(run.metrics.some(({ key, step }) => key === "val_loss" && step === 4));
    },
  },
  opentelemetry: {
    server: "127.0.0.1:4318",
    check: (_, received) => {
      const paths = new Set(received.map(({ path }) => path));
      assert.deepEqual([...paths].sort(), ["/v1/metrics", "/v1/traces"]);
      assert(received.some(({ text }) => text.includes("digits")));
    },
  },
  plateau: { check: (output) => assert.match(output, /plateau: /) },
  prometheus: {
    server: "127.0.0.1:9464",
    check: (output) => assert.match(output, /keepfit_loss\{run="digits",split="validation"\} \d/),
  },
  "s3-upload": {
    server: "127.0.0.1:9000",
    check: (_, received) => {
      const put = received.filter(({ method }) => method === "PUT").map(({ path }) => path);
      assert(put.includes("/models/digits/model.json"), put.join());
    },
  },
  scripted: { check: (output) => assert.match(output, /^\[\s*-?\d+\.\d+/m) },
  webhook: {
    server: "127.0.0.1:8065",
    check: (_, received) => {
      assert(received.every(({ path }) => path === "/hooks/my-channel"));
      assert.match(received.map(({ text }) => text).join("\n"), /ended/);
    },
  },
  "weight-norm": { check: (output) => assert.match(output, /^\[\s*\d+\.\d+/m) },
};

describe("The README of each plugin", () => {
  before(async () => {
    // The folder is in the clone, so that the names of its packages resolve.
    await mkdir(join(root, "runs"), { recursive: true });
    folder = await mkdtemp(join(root, "runs/plugin-readmes-"));
    desktop = await mkdtemp(join(tmpdir(), "keepfit-desktop-"));
    for (const name of ["notify-send", "osascript"]) {
      await writeFile(join(desktop, name), `#!/bin/sh\necho "$@" > '${desktop}/shown'\n`);
      await chmod(join(desktop, name), 0o755);
    }
  });
  after(async () => {
    await rm(folder, { recursive: true, force: true });
    await rm(desktop, { recursive: true, force: true });
  });

  it("The README of each plugin exists, and is run here", () => {
    const names = readdirSync(plugins).filter((name) => !name.includes("."));
    assert.deepEqual(names.sort(), Object.keys(expectations).sort());
  });

  for (const [name, { server, respond, check }] of Object.entries(expectations)) {
    describe(`The README of ${name}`, () => {
      const readme = () => readFileSync(join(plugins, name, "README.md"), "utf8");

      it("The README contains a program that runs as written, except for ports and folders", async () => {
        const blocks = parseBlocks(readme()).filter(({ language }) => language === "ts");
        assert.deepEqual(blocks.map(({ reason }) => reason), [undefined]);
        const received: Received[] = [];
        const host = await getRuntime().serve(async (request) => {
          const { method, url } = request;
          const text = await request.text();
          received.push({ method, path: new URL(url).pathname, text });
          return respond?.({ method, url, text }) ?? new Response("{}");
        }, { hostname: "127.0.0.1", port: name === "prometheus" ? ownPort : 0 });
        const address = new URL(host.url).host;
        // Prometheus needs no server: its plugin listens itself.
        if (name === "prometheus") await host.close();
        try {
          const program = join(folder, `${name}.ts`);
          const [{ text }] = blocks;
          if (server !== undefined) assert(text.includes(server), `no ${server} in the program`);
          const here = text.replaceAll(server ?? "\0", address).replaceAll("runs/plugins", folder);
          await writeFile(program, here);
          const { code, output } = await run(program, `${desktop}${delimiter}${process.env.PATH}`);
          assert.equal(code, 0, output);
          assert.doesNotMatch(output, /disabled|Error/);
          await check(output, received);
        } finally {
          if (name !== "prometheus") await host.close();
        }
      });

      it("The README lists every option of its manifest, with its default", () => {
        const path = join(plugins, name, "0.1.0/callback.plugin.json");
        const { callbacks: [callback] } = JSON.parse(readFileSync(path, "utf8"));
        const rows = readme().split("\n").filter((line) => line.startsWith("| `"))
          .map((line) => line.split(" | ").map((cell) => cell.replace(/^\| |\|$/g, "").trim()));
        const listed = Object.fromEntries(rows.map(([option, , value]) => [option, value]));
        const known = Object.keys(callback.options?.properties ?? {}).map((option) =>
          `\`${option}\``
        );
        assert.deepEqual(Object.keys(listed).sort(), known.sort());
        for (const [option, value] of Object.entries(callback.defaults ?? {})) {
          const written = JSON.parse(listed[`\`${option}\``].replaceAll("`", ""));
          assert.deepEqual(written, value, option);
        }
      });
    });
  }
});

describe("docs/plugins.md", () => {
  it("docs/plugins.md describes every control and permission", () => {
    const text = readFileSync(join(root, "docs/plugins.md"), "utf8");
    const table = text.slice(
      text.indexOf("\n## The context\n"),
      text.indexOf("\n## The manifest\n"),
    );
    for (const name of [...pluginControls, ...pluginPermissions]) {
      assert(table.includes(`\`${name}\``) || table.includes(`\`${name}(`), name);
    }
  });
});

/** Run a program in the clone. @returns its output, and the notifications it showed */
function run(program: string, path: string): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, scriptArguments(currentRuntime, program), {
    cwd: root,
    env: {
      ...process.env,
      NO_COLOR: "1",
      PATH: path,
      AWS_ACCESS_KEY_ID: "reader",
      AWS_SECRET_ACCESS_KEY: "reader",
    },
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => output += text);
  }
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, output }));
  });
}
