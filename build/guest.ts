/**
 * Bundles code that runs outside of keepfit's modules into text: the guest of the sandbox, the
 * entry modules of threads, and the module that plugins there get for `import ... from "keepfit"`.
 *
 * ```sh
 * node --import tsx build/guest.ts        # or: deno run -A build/guest.ts; beside the sources
 * ```
 */
import { writeFile } from "node:fs/promises";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";
import { root } from "./package.ts";

interface Guest {
  /** Path of the entry module. */
  entry: string;
  /** Path of the generated file. */
  target: string;
  /** Name of the exported constant. */
  name: string;
  /** Converts the bundled module to the text to evaluate. Default: unchanged. */
  wrap?(module: string): string;
}

const guests: Guest[] = [
  {
    entry: "plugins/host/sandbox/guest/main.ts",
    target: "plugins/host/sandbox/guest.generated.ts",
    name: "guestCode",
    wrap: toFunction,
  },
  {
    entry: "plugins/host/worker/thread.ts",
    target: "plugins/host/worker/thread.generated.ts",
    name: "threadCode",
  },
  {
    entry: "plugins/host/guest_keepfit.ts",
    target: "plugins/host/guest_keepfit.generated.ts",
    name: "guestKeepfit",
  },
  {
    entry: "tfjs/backend/wasm_thread.ts",
    target: "tfjs/backend/wasm_thread.generated.ts",
    name: "wasmThreadCode",
  },
  {
    entry: "tfjs/backend/kernel_thread.ts",
    target: "tfjs/backend/kernel_thread.generated.ts",
    name: "kernelThreadCode",
  },
];

/** Text of each generated file, by path. */
export async function guestFiles(): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  for (const { entry, target, name, wrap } of guests) {
    const module = await bundle(entry);
    const code = wrap?.(module) ?? module;
    files[target] =
      `// Generated from ${entry} by build/guest.ts (\`npm run build\`); do not edit.\n\n` +
      `/** The code of ${entry}. */\nexport const ${name}: string = ${toTemplate(code)};\n`;
  }
  return files;
}

async function bundle(entry: string): Promise<string> {
  const { outputFiles: [file] } = await build({
    absWorkingDir: root,
    entryPoints: [entry],
    bundle: true,
    write: false,
    format: "esm",
    // The syntax of QuickJS. The sources use nothing newer, so esbuild converts nothing.
    target: "es2023",
    charset: "utf8",
    // The config of the repository is for another target.
    tsconfigRaw: {},
    logLevel: "silent",
  });
  return file.text;
}

/**
 * Convert a module to a script that evaluates to a function, which returns the exports. The module
 * loader of the interpreter is only for the plugin, and no name of the guest may become global.
 */
function toFunction(module: string): string {
  const [ending, name] = /export \{\s+(\w+)\s+\};\n$/.exec(module) ?? [];
  if (ending === undefined) {
    throw new Error("Cannot wrap the guest: expected one export at its end");
  }
  // With the parameters of GuestHost in plugins/host/sandbox/protocol.ts.
  return `(function (callHost, hostBytes, shared, maxBytes) {
"use strict";
const host = { callHost, hostBytes, shared, maxBytes };
${module.slice(0, -ending.length)}return ${name};
})`;
}

function toTemplate(text: string): string {
  return `\`${text.replace(/[\\`]|\$(?=\{)/g, "\\$&")}\``;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  for (const [path, text] of Object.entries(await guestFiles())) {
    await writeFile(root + path, text);
    console.log(path);
  }
}
