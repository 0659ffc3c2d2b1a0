import process from "node:process";

/** One line of the benchmark: milliseconds of keepfit and of TensorFlow.js. */
export interface Row {
  what: string;
  backend: string;
  ratio: number;
  keepfit: number;
  tfjs: number;
}

/**
 * Measure both alternately, so that the load of the machine affects both.
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
  return [median(times[0]), median(times[1])];
}

/** Processor time of all threads, and wall time, in milliseconds. */
export interface Times {
  cpu: number;
  wall: number;
}

/** Measure a run in this process. */
export async function measure(run: () => Promise<unknown>): Promise<Times> {
  const before = process.cpuUsage();
  const began = performance.now();
  await run();
  const wall = performance.now() - began;
  const { user, system } = process.cpuUsage(before);
  return { cpu: (user + system) / 1000, wall };
}

/** Medians of measurements that alternate, after `warmUps` rounds that are not counted. */
export async function inTurns(
  sides: (() => Promise<Times>)[],
  rounds: number,
  warmUps = 1,
): Promise<Times[]> {
  const all: Times[][] = sides.map(() => []);
  for (let round = 0; round < warmUps + rounds; round++) {
    for (const [i, side] of sides.entries()) {
      const times = await side();
      if (round >= warmUps) all[i].push(times);
    }
  }
  return all.map((list) => ({
    cpu: median(list.map(({ cpu }) => cpu)),
    wall: median(list.map(({ wall }) => wall)),
  }));
}

function median(list: number[]): number {
  return list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)];
}
