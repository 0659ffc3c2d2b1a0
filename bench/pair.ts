/** One line of the benchmark: milliseconds of keepfit and of TensorFlow.js. */
export interface Row {
  what: string;
  backend: string;
  ratio: number;
  keepfit: number;
  tfjs: number;
}

/**
 * Measure both in turns, so that a slow machine affects both.
 *
 * @param repeats runs of keepfit per round, for very short tasks
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
