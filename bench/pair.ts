/** One line of the benchmark: milliseconds of keepfit's way and of TensorFlow.js's. */
export interface Row {
  what: string;
  backend: string;
  ratio: number;
  keepfit: number;
  tfjs: number;
}

/**
 * Milliseconds of each, by turns, so that a machine that slows down slows both.
 *
 * @param repeats how often ours runs in a round; for what is over so soon that one run says little
 */
export async function pair(
  ours: () => Promise<unknown>,
  theirs: () => Promise<unknown>,
  rounds: number,
  repeats = 1,
): Promise<[number, number]> {
  const times: [number[], number[]] = [[], []];
  for (let round = 0; round <= rounds; round++) {
    const runs = [...Array.from({ length: repeats }, () => ours), theirs];
    for (const run of runs) {
      const began = performance.now();
      await run();
      // The first round warms up.
      if (round > 0) times[run === ours ? 0 : 1].push(performance.now() - began);
    }
  }
  const median = (list: number[]) => list.sort((a, b) => a - b)[Math.floor(list.length / 2)];
  return [median(times[0]), median(times[1])];
}
