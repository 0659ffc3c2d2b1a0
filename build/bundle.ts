import { mkdir, writeFile } from "node:fs/promises";
import { dirname, relative, resolve } from "node:path";
import { build, type BuildOptions, type Metafile, type Plugin } from "esbuild";

/** Modules to bundle. */
export interface BundleOptions extends BuildOptions {
  absWorkingDir: string;
  /** Files by their names in `outdir`, without the ending. */
  entryPoints: Record<string, string>;
  outdir: string;
  chunkNames: string;
  /** Name of the entry point that most programs import. */
  main: string;
}

/** Code size in bytes that takes as long to load as one more file, on Node. */
const bytesPerFile = 12_000;
/** Weight of the main entry point; that of others is 1. */
const mainWeight = 10;

/**
 * Bundle modules into few files, with shared code in chunks.
 *
 * esbuild makes a chunk for each set of entry points that share code. With an entry point per
 * callback, that is a hundred small files, which take longer to load than their code. So esbuild
 * runs twice: the second time, its modules are the chunks of the first, and some entry points also
 * import chunks that they do not need, so that more chunks have the same entry points.
 *
 * Names are not kept with esbuild's `keepNames`, because its calls prevent other bundlers from
 * removing unused code.
 */
export async function bundle({ main, ...options }: BundleOptions): Promise<void> {
  const { absWorkingDir, entryPoints, outdir } = options;
  const common = {
    ...options,
    bundle: true,
    splitting: true,
    format: "esm",
    write: false,
  } as const;
  const first = await build({
    ...common,
    // The second run makes names from the last part.
    chunkNames: "[hash]/[name]",
    allowOverwrite: true,
    metafile: true,
  });
  const nameOf = (path: string) => relative(outdir, resolve(absWorkingDir, path));
  const texts = new Map(first.outputFiles.map(({ path, text }) => [nameOf(path), text]));
  const extra = extraImports(chunksIn(first.metafile, nameOf), `${main}.js`);
  const second = await build({
    ...common,
    entryPoints: Object.fromEntries(Object.keys(entryPoints).map((name) => [name, `${name}.js`])),
    plugins: [loadChunks(texts, extra)],
  });
  for (const { path, text } of second.outputFiles) {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, withClassNames(text.replaceAll(/^\/\/ chunk:.*\n/gm, "")));
  }
}

/** Restore the names of classes: esbuild calls a class that refers to itself `_Name`. */
function withClassNames(text: string): string {
  return [...text.matchAll(/^var (\w+) = class _\1\b/gm)].reduce(
    (text, [, name]) => text.replaceAll(new RegExp(`\\b_${name}\\b`, "g"), name),
    text,
  );
}

/** A file of the first run. */
interface Chunk {
  bytes: number;
  isEntry: boolean;
  /** Chunks that it imports statically. */
  imports: string[];
}

function chunksIn({ outputs }: Metafile, nameOf: (path: string) => string): Map<string, Chunk> {
  return new Map(
    Object.entries(outputs).map(([path, { bytes, entryPoint, imports }]) => [nameOf(path), {
      bytes,
      isEntry: entryPoint !== undefined,
      imports: imports.filter(({ kind, external }) => kind === "import-statement" && !external)
        .map(({ path }) => nameOf(path)),
    }]),
  );
}

/**
 * The chunks that each entry point should import without need: those in the groups of chunks that
 * it loads.
 */
function extraImports(chunks: Map<string, Chunk>, main: string): Map<string, string[]> {
  const names = [...chunks.keys()];
  const entries = names.filter((name) => chunks.get(name)!.isEntry);
  const bitOf = (entry: string) => 1n << BigInt(entries.indexOf(entry));
  const own = new Map(names.map((name) => [name, entries.includes(name) ? bitOf(name) : 0n]));
  const users = withImports(chunks, own);
  const merged = mergeGroups(chunks, users, bitOf(main));
  return new Map(entries.map((entry) => [
    entry,
    names.filter((name) => merged.get(name)! & ~users.get(name)! & bitOf(entry)),
  ]));
}

/** The entry points that load each chunk, as bits. */
type Users = Map<string, bigint>;

/** The users, if those of a chunk also load its imports. */
function withImports(chunks: Map<string, Chunk>, users: Users): Users {
  const all: Users = new Map();
  const add = (name: string, set: bigint): void => {
    const before = all.get(name) ?? 0n;
    if (all.has(name) && (before | set) === before) return;
    all.set(name, before | set);
    for (const path of chunks.get(name)!.imports) add(path, set);
  };
  for (const [name, set] of users) add(name, set);
  return all;
}

/** Merge the two groups of chunks that reduce the cost most, until none does. */
function mergeGroups(chunks: Map<string, Chunk>, users: Users, main: bigint): Users {
  const weightOf = (set: bigint): number => {
    let weight = set & main ? mainWeight - 1 : 0;
    for (; set > 0n; set >>= 1n) weight += Number(set & 1n);
    return weight;
  };
  const groupsOf = (users: Users): Map<bigint, number> => {
    const groups = new Map<bigint, number>();
    for (const [name, set] of users) {
      const { isEntry, bytes } = chunks.get(name)!;
      if (!isEntry) groups.set(set, (groups.get(set) ?? 0) + bytes);
    }
    return groups;
  };
  const costOf = (users: Users): number =>
    [...groupsOf(users)].reduce(
      (cost, [set, bytes]) => cost + weightOf(set) * (bytes + bytesPerFile),
      0,
    );
  for (let best = users;; users = best) {
    const groups = [...groupsOf(users)];
    const gains = groups.flatMap(([a, aBytes], i) =>
      groups.slice(i + 1).map(([b, bBytes]) => ({
        a,
        b,
        gain: weightOf(a & b) * bytesPerFile - weightOf(b & ~a) * aBytes -
          weightOf(a & ~b) * bBytes,
      }))
    ).filter(({ gain }) => gain > 0).sort((one, other) => other.gain - one.gain);
    const cost = costOf(users);
    for (const { a, b } of gains) {
      const merged = withImports(
        chunks,
        new Map([...users].map(([name, set]) => [name, set === a || set === b ? a | b : set])),
      );
      // The imports of one group may now be loaded by more entry points, too.
      if (costOf(merged) >= cost) continue;
      best = merged;
      break;
    }
    if (best === users) return users;
  }
}

/** The chunks as modules of the second run. */
function loadChunks(texts: Map<string, string>, extra: Map<string, string[]>): Plugin {
  return {
    name: "chunks",
    setup(build) {
      build.onResolve({ filter: /./ }, ({ path, importer }) => {
        const name = relative(".", resolve(dirname(importer), path));
        const isChunk = texts.has(name) && (importer === "" || path.startsWith("."));
        return isChunk ? { path: name, namespace: "chunk" } : { path, external: true };
      });
      build.onLoad({ filter: /./, namespace: "chunk" }, ({ path }) => {
        const up = relative(dirname(path), ".") || ".";
        const imports = (extra.get(path) ?? []).map((name) => `import "${up}/${name}";\n`);
        return { contents: imports.join("") + texts.get(path) };
      });
    },
  };
}
