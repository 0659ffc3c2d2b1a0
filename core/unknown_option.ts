/**
 * Warn about an unknown option, because a misspelled one may waste a whole run.
 *
 * @param advice what to do instead. Default: the nearest known name
 */
export function warnOfUnknownOption(
  owner: string,
  name: string,
  known: readonly string[],
  advice: string = didYouMean(name, known),
): void {
  console.warn(`keepfit: ${owner} has no option '${name}', which is ignored: ${advice}`);
}

/**
 * `did you mean 'patience'?`: the {@linkcode nearest} candidate, or all of them if none is near.
 */
export function didYouMean(name: string, candidates: readonly string[]): string {
  const best = nearest(name, candidates);
  return best === undefined ? `available are ${candidates.join(", ")}` : `did you mean '${best}'?`;
}

/**
 * The candidate with the fewest edits, or else the first one that the name starts with (`max` for
 * `maximum`); undefined if none is near. Case and underscores are ignored.
 */
export function nearest(name: string, candidates: readonly string[]): string | undefined {
  const bare = (word: string) => word.replaceAll("_", "").toLowerCase();
  let best: string | undefined;
  let fewest = name.length / 2;
  for (const candidate of candidates) {
    const edits = editDistance(bare(name), bare(candidate));
    if (edits <= fewest) [best, fewest] = [candidate, edits - 1];
  }
  return best ??
    candidates.find((candidate) => candidate.length >= 3 && bare(name).startsWith(bare(candidate)));
}

function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, i) => i);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const swap = row[j - 1] + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(row[j] + 1, next[j - 1] + 1, swap));
    }
    row = next;
  }
  return row[to.length];
}
