import { messageOf } from "../core/errors.ts";
import { joinPath } from "../runtime/mod.ts";

/**
 * Make a module and all that it imports, packages too, one JavaScript module.
 *
 * @param source the folder that it is in, on this machine's disk
 * @param module the module's path in that folder, JavaScript or TypeScript
 * @param peers packages that stay imports
 * @returns its text as UTF-8
 * @throws TypeError when esbuild is not installed
 * @throws SyntaxError when it cannot be bundled, with what is wrong and where
 */
export async function bundleModule(
  source: string,
  module: string,
  peers: readonly string[],
): Promise<Uint8Array> {
  const { build } = await import("esbuild").catch((cause: unknown) => {
    throw new TypeError(
      `Cannot bundle ${source}: found no esbuild (${
        messageOf(cause)
      }); expected it beside keepfit: ` +
        `npm install --save-dev esbuild`,
      { cause },
    );
  });
  const entry = joinPath(source, module);
  try {
    const { outputFiles } = await build({
      entryPoints: [/^([./]|[a-z]:)/i.test(entry) ? entry : `./${entry}`],
      bundle: true,
      write: false,
      format: "esm",
      platform: "neutral",
      mainFields: ["module", "main"],
      conditions: ["import", "default"],
      target: "es2022",
      plugins: [{
        name: "peers",
        // By name alone: as `external` it would stand for all that is below the package too.
        setup: ({ onResolve }) =>
          onResolve(
            { filter: /^[^./]/ },
            ({ path }) => peers.includes(path) ? { path, external: true } : undefined,
          ),
      }],
      // The authors' own config is for their editor: what is published must not depend on it.
      tsconfigRaw: "{}",
      charset: "utf8",
      logLevel: "silent",
    });
    return encoder.encode(outputFiles[0].text.replace(storeFolder, "// "));
  } catch (cause) {
    throw new SyntaxError(`Cannot bundle ${entry}: ${messageOf(cause)}`, { cause });
  }
}

const encoder = new TextEncoder();

// esbuild names each module in a comment. Installers that link packages from a store have its folder
// in them, and the same source would have another hash.
const storeFolder = /^\/\/ (?:.*\/)?node_modules\/\.[\w-]+\/[^/\n]+\/(?=node_modules\/)/gm;
