/**
 * Compiles the kernels of compiled steps and the checksum of long data from AssemblyScript into
 * committed files. Install the compiler first:
 *
 * ```sh
 * npm ci --prefix build/assemblyscript
 * node --import tsx build/kernels.ts
 * ```
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { root } from "./package.ts";

/** A WebAssembly module in the repository. */
export interface WasmModule {
  /** Folder of the sources. */
  sources: string;
  /** Path of the generated file. */
  file: string;
  /** Start of the names that the file exports. */
  name: string;
}

/** The kernels of compiled steps. */
export const planKernels: WasmModule = {
  sources: "tfjs/plan/assembly",
  file: "tfjs/plan/kernels.generated.ts",
  name: "kernels",
};

/** The checksum of long data. */
export const checksum: WasmModule = {
  sources: "tensorboard/assembly",
  file: "tensorboard/crc.generated.ts",
  name: "crc",
};

/** All modules. */
export const wasmModules: readonly WasmModule[] = [planKernels, checksum];

const compiler = `${root}build/assemblyscript/node_modules/assemblyscript/bin/asc.js`;

/** Whether the compiler is installed. */
export const hasCompiler: boolean = existsSync(compiler);

/** Hash of the sources, the compiler and its options, which the generated file contains. */
export function sourceHash({ sources }: WasmModule): string {
  const hash = createHash("sha256");
  for (const name of readdirSync(root + sources).sort()) {
    hash.update(`${name}\n`).update(readFileSync(`${root}${sources}/${name}`));
  }
  return hash
    .update(readFileSync(`${root}build/assemblyscript/package-lock.json`))
    .update(options.join(" "))
    .digest("hex");
}

const options = [
  ...["--enable", "simd", "--importMemory", "--runtime", "stub", "--noAssert"],
  // With other shrink levels, functions of Math use tables, which would overwrite the memory.
  ...["--optimizeLevel", "3", "--shrinkLevel", "1", "--converge"],
];

/** Text of the generated file. */
export function generate(module: WasmModule): string {
  const { sources, name } = module;
  return `// Made of ${sources} by build/kernels.ts: change that.\n\n` +
    `/** Hash of the sources. */\nexport const ${name}Hash = "${sourceHash(module)}";\n\n` +
    `/** The WebAssembly module, in base64. */\n` +
    `export const ${name}Code = "${compileWasm(module).toString("base64")}";\n`;
}

/**
 * Compile a module.
 *
 * @param more further options of the compiler
 */
export function compileWasm({ sources }: WasmModule, more: string[] = []): Buffer {
  const folder = mkdtempSync(join(tmpdir(), "keepfit-kernels-"));
  try {
    const target = join(folder, "kernels.wasm");
    const args = [compiler, `${sources}/index.ts`, ...options, ...more, "--outFile", target];
    execFileSync(process.execPath, args, { cwd: root, stdio: "inherit" });
    const bytes = readFileSync(target);
    if (sectionsOf(bytes).includes(11)) {
      throw new Error(
        `Cannot use ${sources}: it has a data section, which would overwrite the memory`,
      );
    }
    return bytes;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Numbers of the sections of a WebAssembly module. */
function sectionsOf(bytes: Uint8Array): number[] {
  const found: number[] = [];
  for (let at = 8; at < bytes.length;) {
    found.push(bytes[at++]);
    let size = 0;
    for (let shift = 0;; shift += 7) {
      const byte = bytes[at++];
      size |= (byte & 127) << shift;
      if (byte < 128) break;
    }
    at += size;
  }
  return found;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  for (const module of wasmModules) writeFileSync(root + module.file, generate(module));
  console.log(wasmModules.map(({ file }) => file).join("\n"));
}
