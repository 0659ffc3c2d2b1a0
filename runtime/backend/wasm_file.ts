import { fetchFailure } from "../fetch_failure.ts";
import { getRuntime } from "../get_runtime.ts";

/**
 * Read a `.wasm` file from disk or the web.
 *
 * @param path a path or a URL
 * @throws Error when it cannot be had or is not WebAssembly that runs here
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

async function download(url: string): Promise<ArrayBuffer> {
  try {
    const response = await fetch(url);
    if (!response.ok) throw new Error(`the server answers ${response.status}`);
    return await response.arrayBuffer();
  } catch (error) {
    throw new Error(`Cannot read ${url}: ${fetchFailure(error)}`, { cause: error });
  }
}
