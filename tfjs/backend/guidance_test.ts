import assert from "node:assert/strict";
import { cpSync, existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { getRuntime } from "keepfit/runtime";
import { type ChildOptions, type ChildResult, startChild } from "../../tests/child.ts";

const tfjs = JSON.stringify(import.meta.resolve("@tensorflow/tfjs"));
const isDeno = getRuntime().name === "deno";

/** How a process ends in which no backend has been set before. */
function child(script: string, options?: ChildOptions): Promise<ChildResult> {
  return startChild(
    `
    import * as tf from ${tfjs};
    import { useBackend } from "keepfit/runtime";
    ${script}
  `,
    options,
  ).result;
}

const count = (text: string, part: string): number => text.split(part).length - 1;

describe("useBackend without the package of wasm", () => {
  const name = getRuntime().name;
  const command = {
    deno: "deno add npm:@tensorflow/tfjs-backend-wasm@4.22.0",
    bun: "bun add @tensorflow/tfjs-backend-wasm@4.22.0",
    node: "npm install @tensorflow/tfjs-backend-wasm@4.22.0",
  }[name];
  const wanted = `the package @tensorflow/tfjs-backend-wasm is not installed (${command})`;
  const house = fileURLToPath(new URL("../../", import.meta.url));
  let folder: string;

  // A project with TensorFlow.js and nothing else beside keepfit.
  before(() => {
    folder = mkdtempSync(join(realpathSync(tmpdir()), "keepfit-bare-"));
    for (const room of ["core", "runtime", "tfjs"]) {
      cpSync(house + room, `${folder}/${room}`, { recursive: true });
    }
    mkdirSync(`${folder}/node_modules/@tensorflow`, { recursive: true });
    symlinkSync(
      realpathSync(`${house}node_modules/@tensorflow/tfjs`),
      `${folder}/node_modules/@tensorflow/tfjs`,
    );
    writeFileSync(`${folder}/package.json`, `{ "type": "module" }`);
    const imports = { "@tensorflow/tfjs": "npm:@tensorflow/tfjs@4.22.0" };
    writeFileSync(`${folder}/deno.json`, JSON.stringify({ nodeModulesDir: "manual", imports }));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const bare = (script: string) =>
    startChild(
      `
      import * as tf from "@tensorflow/tfjs";
      import { useBackend } from "./tfjs/backend/mod.ts";
      ${script}
    `,
      { main: `${folder}/main.mjs`, config: `${folder}/deno.json` },
    ).result;

  it("useBackend warns once in auto, with the command that installs the package of wasm", async () => {
    const { stdout, stderr } = await bare(`
      const { backend, reasons } = await useBackend(tf);
      await useBackend(tf);
      console.log(backend, reasons.at(-1).reason);
    `);
    assert.equal(stdout, `cpu ${wanted}\n`, stderr);
    assert.equal(count(stderr, "keepfit:"), 1, stderr);
    assert.ok(stderr.includes(`because wasm cannot be used: ${wanted}`), stderr);
  });

  it("useBackend fails for wasm by name with that command, and leaves a working backend", async () => {
    const { stdout, stderr } = await bare(`
      const { message } = await useBackend(tf, "wasm").catch((error) => error);
      console.log(message);
      console.log(tf.getBackend(), tf.ones([2]).sum().dataSync()[0]);
    `);
    const way = "useBackend(tf) takes the fastest backend that works here";
    assert.equal(stdout, `Cannot use backend wasm: ${wanted}; ${way}\ncpu 2\n`, stderr);
    assert.equal(count(stderr, "keepfit:"), 0, stderr);
  });
});

describe("useBackend on Deno without permissions", { skip: !isDeno }, () => {
  const permission = /Deno may not read \S+\.wasm \(run it again with (--allow-read=\S+)\)/;

  it("useBackend on Deno warns once about the permission that wasm needs, and prints nothing else", async () => {
    const { stdout, stderr } = await child(
      `
      const { backend } = await useBackend(tf);
      await useBackend(tf);
      console.log(backend, tf.ones([2]).sum().dataSync()[0]);
    `,
      { permissions: [] },
    );
    assert.equal(stdout, "cpu 2\n", stderr);
    assert.match(stderr, permission);
    assert.equal(stderr.trimEnd().split("\n").length, 1, stderr);
  });

  it("useBackend on Deno starts wasm, even with threads, with the permission that its error names", async () => {
    for (const threads of [1, 2]) {
      const script = `
        const { message } = await useBackend(tf, "wasm", { threads: ${threads} })
          .catch((error) => error);
        console.log(tf.getBackend(), message);
      `;
      const without = await child(script, { permissions: [] });
      const [, flag] = without.stdout.match(permission) ?? [];
      assert.equal(without.stderr, "");
      const { stdout, stderr } = await child(script, { permissions: [flag] });
      assert.equal(stdout, "wasm undefined\n", stderr);
    }
  });
});

describe("useBackend on Deno for Linux", { skip: !isDeno || process.platform !== "linux" }, () => {
  const isOnHost = ["/dev/dri", "/dev/nvidia0", "/dev/nvidiactl", "/dev/dxg"].some(existsSync);
  const asked = async (permissions: string[], env?: Record<string, string>, choice = "auto") => {
    const { stdout, stderr } = await child(
      `
      const requestAdapter = () => {
        console.log("asked");
        return Promise.resolve(null);
      };
      Object.defineProperty(navigator, "gpu", { value: { requestAdapter } });
      const result = await useBackend(tf, "${choice}").catch(({ message }) => message);
      console.log(result.reasons?.[0].reason ?? result);
    `,
      { permissions, env: { XDG_RUNTIME_DIR: "", ...env } },
    );
    assert.notEqual(stdout, "", stderr);
    return stdout;
  };

  it("useBackend on Deno for Linux checks for a graphics card before it starts WebGPU", async () => {
    const expected = isOnHost ? /^asked\n/ : /^there is no graphics card in \/dev\/dri\n$/;
    assert.match(await asked(["-A"]), expected);
  });

  it("useBackend on Deno for Linux starts WebGPU if a variable names a Vulkan driver", async () => {
    assert.match(await asked(["-A"], { VK_ADD_DRIVER_FILES: "/a/driver.json" }), /^asked\n/);
  });

  it("useBackend on Deno for Linux does not start WebGPU if it may not check, except on a desktop", async () => {
    assert.match(await asked([]), /^Deno may not check for a graphics card in .*-A/);
    const [permissions, env] = [["--allow-env"], { XDG_RUNTIME_DIR: "/run/user/1" }];
    assert.match(await asked(permissions, env), /^asked\n/);
  });

  it("useBackend on Deno for Linux always starts WebGPU if it is requested by name", async () => {
    assert.match(await asked([], {}, "webgpu"), /^asked\nCannot use backend webgpu: .* no adapter/);
  });
});

describe("The banner of TensorFlow.js", () => {
  const banner = "Hi, looks like you are running TensorFlow.js in Node.js";
  const train = `
    const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] });
    console.log(tf.getBackend(), model.countParams());
  `;

  // When this fails TensorFlow.js has lost its banner, and banner.ts its purpose.
  it("The banner of TensorFlow.js is printed by a program that does not call useBackend", async () => {
    const { stdout, stderr } = await child(train);
    assert.equal(stdout, "cpu 2\n");
    assert.ok(stderr.includes(banner));
  });

  it("The banner of TensorFlow.js is not printed by one that does, on cpu, on wasm and on cpu after wasm", async () => {
    for (const backend of ["cpu", "wasm"]) {
      const { stdout, stderr } = await child(`
        await useBackend(tf, "${backend}");
        ${train}
        await tf.setBackend("cpu");
        tf.ones([2]).sum().dataSync();
        console.log(tf.env().getBool("PROD"), tf.memory().numDataBuffers);
      `);
      assert.equal(stdout, `${backend} 2\nfalse 4\n`, stderr);
      assert.equal(stderr.includes(banner), false, stderr);
    }
  });
});
