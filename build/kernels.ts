/**
 * Compiles the kernels of compiled steps from AssemblyScript into a committed file. Install the
 * compiler first:
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

const sources = "tfjs/plan/assembly";

/** Path of the generated file. */
export const kernelsFile = "tfjs/plan/kernels.generated.ts";

const compiler = `${root}build/assemblyscript/node_modules/assemblyscript/bin/asc.js`;

/** Whether the compiler is installed. */
export const hasCompiler: boolean = existsSync(compiler);

/** Hash of the sources, the compiler and its options, which the generated file contains. */
export function sourceHash(): string {
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
export function generateKernels(): string {
  return `// Made of ${sources} by build/kernels.ts: change that.\n\n` +
    `/** Hash of the sources. */\nexport const kernelsHash = "${sourceHash()}";\n\n` +
    `/** The WebAssembly module, in base64. */\n` +
    `export const kernelsCode = "${compileKernels().toString("base64")}";\n`;
}

/**
 * Compile the kernels.
 *
 * @param more further options of the compiler
 */
export function compileKernels(more: string[] = []): Buffer {
  const folder = mkdtempSync(join(tmpdir(), "keepfit-kernels-"));
  try {
    const target = join(folder, "kernels.wasm");
    const args = [compiler, `${sources}/index.ts`, ...options, ...more, "--outFile", target];
    execFileSync(process.execPath, args, { cwd: root, stdio: "inherit" });
    const bytes = readFileSync(target);
    if (sectionsOf(bytes).includes(11)) {
      throw new Error(
        "Cannot use the kernels: they have a data section, which would overwrite the memory",
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
  writeFileSync(root + kernelsFile, generateKernels());
  console.log(kernelsFile);
}
