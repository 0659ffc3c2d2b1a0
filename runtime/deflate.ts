/** Compresses bytes into zlib's format (RFC 1950). */
export type Deflate = (bytes: Uint8Array) => Uint8Array;

/**
 * The zlib of Deno, Bun and Node. A browser and the sandbox of a plugin have none that answers
 * immediately; there, a promise of fflate's, which is loaded when it is needed.
 */
export function findDeflate(): Deflate | Promise<Deflate> {
  const { process } = globalThis as { process?: { getBuiltinModule?: GetBuiltinModule } };
  return process?.getBuiltinModule?.("node:zlib").deflateSync ?? loadFflate();
}

type GetBuiltinModule = (name: "node:zlib") => { deflateSync: Deflate };

async function loadFflate(): Promise<Deflate> {
  const { zlibSync } = await import("./fflate.ts");
  return (bytes) => zlibSync(bytes);
}
