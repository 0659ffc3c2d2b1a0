import { messageOf } from "../core/errors.ts";
import { urlOfPath } from "../runtime/find_upward.ts";
import { joinPath } from "../runtime/mod.ts";
import { pathOf } from "../runtime/paths.ts";

/**
 * Bundle a module and all its imports, including packages, into one JavaScript module.
 *
 * @param source source folder on disk
 * @param module path of the module in that folder, JavaScript or TypeScript
 * @param peers packages that stay imports
 * @returns the text of the bundled module as UTF-8
 * @throws TypeError when esbuild is not installed
 * @throws SyntaxError if the module cannot be bundled, with the position of the problem
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
      // Not the current folder, which would be part of the paths in the text.
      absWorkingDir: pathOf(urlOfPath(source)),
      entryPoints: [`./${module}`],
      bundle: true,
      write: false,
      format: "esm",
      platform: "neutral",
      mainFields: ["module", "main"],
      conditions: ["import", "default"],
      target: "es2022",
      plugins: [{
        name: "peers",
        // A plugin rather than `external`, which would also match all subpaths of a package.
        setup: ({ onResolve }) =>
          onResolve(
            { filter: /^[^./]/ },
            ({ path }) => peers.includes(path) ? { path, external: true } : undefined,
          ),
      }],
      // The author's config is for an editor; the published code must not depend on it.
      tsconfigRaw: "{}",
      charset: "utf8",
      logLevel: "silent",
    });
    return encoder.encode(outputFiles[0].text.replace(machineFolders, "$1"));
  } catch (cause) {
    throw new SyntaxError(`Cannot bundle ${entry}: ${messageOf(cause)}`, { cause });
  }
}

const encoder = new TextEncoder();

// esbuild names modules by their paths, in comments and in the wrappers of late imports and CommonJS.
// The folders above `node_modules`, or those of the store of an installer, depend on the machine, and
// the same source would get another hash.
const machineFolders = /^(\/\/ | {2}")[^"\n]*\/(?=node_modules\/[^"\n]*(?:"\(.*\) \{)?$)/gm;
