/** One line of the benchmark: milliseconds of keepfit's way and of TensorFlow.js's. */
export interface Row {
  what: string;
  backend: string;
  ratio: number;
  keepfit: number;
  tfjs: number;
}

/** Milliseconds of each, by turns, so that a machine that slows down slows both. */
export async function pair(
  ours: () => Promise<unknown>,
  theirs: () => Promise<unknown>,
  rounds: number,
): Promise<[number, number]> {
  const times: [number[], number[]] = [[], []];
  for (let round = 0; round <= rounds; round++) {
    for (const [i, run] of [ours, theirs].entries()) {
      const began = performance.now();
      await run();
      // The first round warms up.
      if (round > 0) times[i].push(performance.now() - began);
    }
  }
  const median = (list: number[]) => list.sort((a, b) => a - b)[Math.floor(list.length / 2)];
  return [median(times[0]), median(times[1])];
}
