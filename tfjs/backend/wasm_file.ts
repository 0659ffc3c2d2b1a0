import { FileSystemError } from "../../runtime/errors.ts";
import { fetchFailure } from "../../runtime/fetch_failure.ts";
import { getRuntime } from "../../runtime/get_runtime.ts";
import { keepListeners } from "./listeners.ts";

/**
 * Read a `.wasm` file from disk or the web.
 *
 * @param path a path or a URL
 * @throws Error when it cannot be read or is not WebAssembly that runs here
 */
export async function readWasm(path: string): Promise<Uint8Array<ArrayBuffer>> {
  const isWeb = /^(https?|data|blob):/.test(path);
  const bytes = isWeb
    ? await download(path)
    : await getRuntime().fs.readFile(path.startsWith("file:") ? new URL(path) : path);
  const copy = new Uint8Array(bytes);
  if (!WebAssembly.validate(copy)) throw new Error(`${path} is not WebAssembly`);
  return copy;
}

/**
 * Check that the package's own `.wasm` file can be read, before the package starts, which would
 * print the failure in several lines and reject without a reason.
 *
 * @param name the file's name
 * @throws Error that says what is missing, and which permission Deno needs
 */
export async function checkInstalledWasm(name: string): Promise<void> {
  const loaded = await findLoaderFolder();
  // A program bundled without the loader needs wasmPaths.
  if (loaded === undefined) return;
  const [, folder] = loaded.match(/^(.*)[\\/]wasm-out[\\/]$/) ?? [];
  // The package uses the copy in dist; in a bundle everything is in one folder.
  const isThreaded = name.includes("threaded");
  const path = folder === undefined || isThreaded ? loaded + name : `${folder}/dist/${name}`;
  try {
    await getRuntime().fs.stat(path);
  } catch (error) {
    if (!(error instanceof FileSystemError)) throw error;
    if (getRuntime().name !== "deno" || error.code !== "PermissionDenied") {
      throw new Error(`${error.message} (wasmPaths says where else it is)`, { cause: error.cause });
    }
    // The node_modules folder makes a shorter flag, which also covers the threads.
    const [root] = path.match(/^.*?[\\/]node_modules(?=[\\/])/) ?? [folder ?? path];
    throw new Error(`Deno may not read ${path} (run it again with --allow-read=${root})`, {
      cause: error.cause,
    });
  }
}

/**
 * The folder of the package's loader, with a trailing slash. Only the loader itself knows it on
 * every runtime, even in Deno's npm cache.
 */
async function findLoaderFolder(): Promise<string | undefined> {
  const restoreListeners = keepListeners();
  let found: string | undefined;
  try {
    const { default: load } = await import(
      "@tensorflow/tfjs-backend-wasm/wasm-out/tfjs-backend-wasm.js"
    ) as unknown as { default: (config: object) => Promise<unknown> };
    await load({
      locateFile(_name: string, folder: string): never {
        found = folder;
        // It does not start anything then.
        throw new Error("the folder is known");
      },
    });
  } catch {
    // Without it, `found` stays undefined.
  } finally {
    restoreListeners();
  }
  return found;
}

async function download(url: string): Promise<ArrayBuffer> {
  try {
    const response = await fetch(url);
    if (!response.ok) throw new Error(`the server answers ${response.status}`);
    return await response.arrayBuffer();
  } catch (error) {
    throw new Error(`Cannot read ${url}: ${fetchFailure(error)}`, { cause: error });
  }
}
