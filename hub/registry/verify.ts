import { PluginError } from "../../plugins/errors.ts";
import { readGraph } from "../../plugins/modules/graph.ts";
import { verifyIntegrity } from "../../plugins/manifest/integrity.ts";
import { parseManifest } from "../../plugins/manifest/parse.ts";
import { manifestName, type PluginManifest } from "../../plugins/manifest/format.ts";
import { verifySignatures } from "../../plugins/manifest/signature.ts";

/** A version to publish. */
export interface NewVersion {
  /** Bytes of the manifest, kept as they are. */
  manifest: Uint8Array;
  /** Bytes of the other files, by their path in the manifest. */
  files: ReadonlyMap<string, Uint8Array>;
}

/** A version that can be loaded. */
export interface VerifiedVersion {
  /** The parsed manifest. */
  manifest: PluginManifest;
  /** Ids of the keys that signed it. */
  signers: string[];
}

const maxManifestBytes = 256 * 1024;

/**
 * Check that a version can be loaded: its manifest is valid, its files are those that the manifest
 * lists, its modules import only each other and peers, and its signatures are valid.
 *
 * @throws PluginError `E_MANIFEST`, `E_INTEGRITY`, `E_LIMIT`, `E_SIGNATURE`, `E_MODULE`, `E_IMPORT`
 */
export async function verifyVersion({ manifest, files }: NewVersion): Promise<VerifiedVersion> {
  if (manifest.length > maxManifestBytes) {
    throw new PluginError("E_LIMIT", `Cannot publish: ${manifestName} is larger than allowed`, {
      expected: `at most ${maxManifestBytes} bytes`,
      actual: `${manifest.length} bytes`,
    });
  }
  const parsed = parseManifest(decode(manifest), manifestName);
  const { id, version } = parsed;
  // Used only to resolve relative imports.
  const base = new URL(`file:///${id}/${version}/${manifestName}`);
  await verifyFiles(parsed, files);
  const peers = new Map(["keepfit", ...Object.keys(parsed.peers ?? {})].map((name) => [name, ""]));
  const read = (url: URL): Promise<Uint8Array> => {
    const path = url.pathname.slice(`/${id}/${version}/`.length);
    return Promise.resolve(files.get(decodeURIComponent(path)) as Uint8Array);
  };
  await readGraph(parsed, base, read, peers);
  return { manifest: parsed, signers: await verifySignatures(parsed, manifestName) };
}

async function verifyFiles(
  manifest: PluginManifest,
  files: ReadonlyMap<string, Uint8Array>,
): Promise<void> {
  const listed = Object.keys(manifest.files);
  const missing = listed.filter((path) => !files.has(path));
  const unlisted = [...files.keys()].filter((path) => !Object.hasOwn(manifest.files, path));
  const elsewhere = listed.filter((path) => path.startsWith("https://"));
  for (
    const [what, paths] of [
      ["have URLs, but a registry keeps all files", elsewhere],
      ["are missing", missing],
      ["are not listed in the manifest", unlisted],
    ] as const
  ) {
    if (paths.length === 0) continue;
    throw new PluginError("E_MANIFEST", `Cannot publish ${manifest.id}: files ${what}`, {
      expected: "exactly the files that the manifest lists, by relative paths",
      actual: paths.slice(0, 20).join(", "),
    });
  }
  for (const [path, { integrity, size }] of Object.entries(manifest.files)) {
    const bytes = files.get(path) as Uint8Array;
    if (bytes.length !== size) {
      throw new PluginError(
        "E_INTEGRITY",
        `Cannot publish ${manifest.id}: ${path} has another size`,
        {
          url: path,
          expected: `${size} bytes`,
          actual: `${bytes.length} bytes`,
        },
      );
    }
    await verifyIntegrity(bytes, integrity, path);
  }
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new PluginError("E_MANIFEST", `Cannot publish: ${manifestName} is not UTF-8`, { cause });
  }
}
