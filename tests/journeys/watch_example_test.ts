import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { describe, it } from "node:test";
import { startChild } from "../child.ts";
import { root } from "../files.ts";

const example = `import ${JSON.stringify(String(pathToFileURL(`${root}examples/mnist.ts`)))};`;

describe("The MNIST example", () => {
  it("The MNIST example prints the address of its run, and keeps it open until Ctrl-C on request", async () => {
    const out = await mkdtemp(join(tmpdir(), "keepfit-mnist-"));
    const small = ["--rows", "500", "--epochs", "2", "--backend", "cpu", "--verbose", "2"];
    const { child, printed, result } = startChild(example, {
      args: [...small, "--out", out, "--keep-open"],
    });
    let output = "";
    child.stdout?.on("data", (text: string) => output += text);
    await printed("until Ctrl-C\n");
    const [, url] = output.match(/^Watch it live: (http:\S+)$/m) ?? [];
    const { runs } = await (await fetch(`${url}runs`)).json() as {
      runs: { id: string; last: { epoch: number } }[];
    };
    assert.deepEqual(runs.map(({ id, last }) => [id, last.epoch]), [["mnist", 1]]);
    assert(output.indexOf(url) < output.indexOf("Epoch 1/2"), output);

    // Not child.kill(): after that, Deno 2.9 reports the signal and not the exit code.
    process.kill(child.pid as number, "SIGINT");
    assert.equal((await result).code, 0);
    await rm(out, { recursive: true, force: true });
  });
});
