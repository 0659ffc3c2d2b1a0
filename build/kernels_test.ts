import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { crcHash } from "../tensorboard/crc.generated.ts";
import { kernelsHash } from "../tfjs/plan/kernels.generated.ts";
import { kernelBytes } from "../tfjs/plan/kernels.ts";
import {
  checksum,
  compileWasm,
  generate,
  hasCompiler,
  planKernels,
  sourceHash,
  wasmModules,
} from "./kernels.ts";
import { root } from "./package.ts";

describe("The kernels of compiled steps", () => {
  it("The kernels of compiled steps match the committed sources", () => {
    const command = "npm ci --prefix build/assemblyscript && node --import tsx build/kernels.ts";
    assert.equal(kernelsHash, sourceHash(planKernels), `${planKernels.file} is stale: ${command}`);
    assert.equal(crcHash, sourceHash(checksum), `${checksum.file} is stale: ${command}`);
  });

  it("The kernels of compiled steps are declared in a file with the name of their assembly", () => {
    const folder = `${root}tfjs/plan/kernels/`;
    const names = (text: string, pattern: RegExp) =>
      [...text.matchAll(pattern)].map(([, name]) => name).toSorted();
    for (const file of readdirSync(folder)) {
      const [, declared] = /interface \w+ \{\n([^]*?)\n\}/.exec(
        readFileSync(folder + file, "utf8"),
      )!;
      const assembly = readFileSync(`${root}tfjs/plan/assembly/${file}`, "utf8");
      assert.deepEqual(
        names(declared, /^ {2}(\w+)[(:]/gm),
        names(assembly, /^export function (\w+)/gm),
        file,
      );
    }
  });

  const skip = hasCompiler ? false : "needs npm ci --prefix build/assemblyscript";
  it("The kernels of compiled steps equal the output of the compiler", { skip }, () => {
    for (const module of wasmModules) {
      assert.equal(readFileSync(root + module.file, "utf8"), generate(module));
    }
  });

  it(
    "The kernels of compiled steps equal the output of the compiler for a shared memory",
    { skip },
    () => {
      const options = ["--enable", "threads", "--sharedMemory", "--maximumMemory", "65536"];
      assert.deepEqual(Buffer.from(kernelBytes(true)), compileWasm(planKernels, options));
    },
  );
});
