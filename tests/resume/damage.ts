import { checkpointHandler, exists, type FileSystem, walk } from "keepfit/runtime";
import { pick, type Random } from "../seeded.ts";
import { differencesOf } from "./exhaustive.ts";
import { Journal } from "./journal.ts";
import { type Kind, type Outcome, train } from "./training.ts";

/** Result of a run with a damaged file. */
export interface DamageResult {
  /** Damage, file and instant. */
  damage: string;
  /** Whether the result is the same, an error or warning reports the damage, or neither. */
  outcome: "same" | "reported" | "silent";
  /** Differences, or messages. */
  what: string[];
}

/**
 * Interrupt a run at random instants, flip a bit of one of its files or truncate it, and continue
 * the run.
 *
 * @param count number of files to damage
 */
export async function damageFiles(
  kind: Kind,
  count: number,
  random: Random,
): Promise<DamageResult[]> {
  const journal = new Journal();
  const whole = await train(kind, journal.fs, "/run");
  const results: DamageResult[] = [];
  while (results.length < count) {
    const cut = { changes: random(journal.untilEnd) };
    const fs = await journal.diskAt(cut);
    const damage = fs && await damageOne(fs, random);
    if (damage === undefined) continue;
    const { outcome, what } = await goOn(kind, fs as FileSystem, whole);
    results.push({ damage: `${damage}, ${journal.describe(cut)}`, outcome, what });
  }
  return results;
}

/** Damage a file, with the same probability for each kind of file; undefined if there is none. */
async function damageOne(fs: FileSystem, random: Random): Promise<string | undefined> {
  if (!await exists("/run", { fs })) return undefined;
  const sorts = new Map<string, string[]>();
  for await (const { path, isFile } of walk("/run", { fs })) {
    // Nothing reads a picture.
    if (!isFile || path.endsWith(".svg") || (await fs.stat(path)).size === 0) continue;
    const sort = path.split("/")[2];
    sorts.set(sort, [...sorts.get(sort) ?? [], path]);
  }
  if (sorts.size === 0) return undefined;
  const path = pick(random, pick(random, [...sorts.values()]));
  const bytes = await fs.readFile(path);
  const at = random(bytes.length);
  if (random(3) === 0) {
    await fs.writeFile(path, bytes.subarray(0, at));
    return `${path} truncated to ${at} of ${bytes.length} bytes`;
  }
  const bit = random(8);
  bytes[at] ^= 1 << bit;
  await fs.writeFile(path, bytes);
  return `bit ${bit} of byte ${at} of ${path} flipped`;
}

async function goOn(
  kind: Kind,
  fs: FileSystem,
  whole: Outcome,
): Promise<Omit<DamageResult, "damage">> {
  const { warn } = console;
  const warned: string[] = [];
  console.warn = (message: string) => {
    // This warning does not concern damage.
    if (!message.includes("belongs to a run that ended")) warned.push(message);
  };
  try {
    const what = differencesOf(await train(kind, fs, "/run"), whole);
    if (what.length === 0) return { outcome: "same", what };
    if (warned.length > 0) return { outcome: "reported", what: warned };
    const unreadable = await Promise.all(what.map((path) => failureOf(fs, path)));
    if (unreadable.every((one) => one !== undefined)) {
      return { outcome: "reported", what: unreadable };
    }
    return { outcome: "silent", what };
  } catch (error) {
    return { outcome: "reported", what: [(error as Error).message] };
  } finally {
    console.warn = warn;
  }
}

/** The error of loading the checkpoint that contains a file; undefined if there is none. */
async function failureOf(fs: FileSystem, path: string): Promise<string | undefined> {
  const [, folder] = /^(\/(?:batches|best|last)(?:\/[\d-]+)?)\//.exec(path) ?? [];
  if (folder === undefined) return undefined;
  try {
    await checkpointHandler(`/run${folder}`, { fs }).load?.();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}
