import { checkpointHandler, exists, type FileSystem, walk } from "keepfit/runtime";
import { pick, type Random } from "../seeded.ts";
import { differencesOf } from "./exhaustive.ts";
import { Journal } from "./journal.ts";
import { type Kind, type Outcome, train } from "./training.ts";

/** What came of a damaged file. */
export interface DamageResult {
  /** What was done to which file, and when. */
  damage: string;
  /** The same run, an error or a warning about it, or neither. */
  outcome: "same" | "told" | "silent";
  /** What differed, or what was told. */
  what: string[];
}

/**
 * Interrupt a run at random instants, flip a bit of one of its files or cut it, and let the run go on.
 *
 * @param count how many files to damage
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

/** Damage a file, of each sort equally often; undefined where there is none. */
async function damageOne(fs: FileSystem, random: Random): Promise<string | undefined> {
  if (!await exists("/run", { fs })) return undefined;
  const sorts = new Map<string, string[]>();
  for await (const { path, isFile } of walk("/run", { fs })) {
    if (!isFile || (await fs.stat(path)).size === 0) continue;
    const sort = path.split("/")[2];
    sorts.set(sort, [...sorts.get(sort) ?? [], path]);
  }
  if (sorts.size === 0) return undefined;
  const path = pick(random, pick(random, [...sorts.values()]));
  const bytes = await fs.readFile(path);
  const at = random(bytes.length);
  if (random(3) === 0) {
    await fs.writeFile(path, bytes.subarray(0, at));
    return `${path} cut to ${at} of ${bytes.length} bytes`;
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
    // That is no word about damage.
    if (!message.includes("is of a run that has ended")) warned.push(message);
  };
  try {
    const what = differencesOf(await train(kind, fs, "/run"), whole);
    if (what.length === 0) return { outcome: "same", what };
    if (warned.length > 0) return { outcome: "told", what: warned };
    const unreadable = await Promise.all(what.map((path) => failureOf(fs, path)));
    if (unreadable.every((one) => one !== undefined)) return { outcome: "told", what: unreadable };
    return { outcome: "silent", what };
  } catch (error) {
    return { outcome: "told", what: [(error as Error).message] };
  } finally {
    console.warn = warn;
  }
}

/** How the checkpoint fails to load of which something differs; undefined where it loads, or is none. */
async function failureOf(fs: FileSystem, path: string): Promise<string | undefined> {
  const [, folder] = /^(\/(?:best|last)(?:\/\d+)?)\//.exec(path) ?? [];
  if (folder === undefined) return undefined;
  try {
    await checkpointHandler(`/run${folder}`, { fs }).load?.();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}
