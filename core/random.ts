/** Random numbers of a run: the same for one seed on every runtime. */
export interface Random {
  /** A whole number, 0 up to but not including `limit`, all equally likely. */
  below(limit: number): number;
  /** A number from 0 up to but not including 1, with all 53 bits. */
  fraction(): number;
}

/**
 * Random numbers from a seed (sfc32, seeded through splitmix32).
 *
 * @param seed a whole number; all 53 bits count
 * @param stream one of the seed's sequences, for example the number of a pass
 */
export function random(seed: number, stream = 0): Random {
  let state = mix(mix(mix(0x9e3779b9, seed >>> 0), Math.floor(seed / 2 ** 32) >>> 0), stream >>> 0);
  const next = () => (state = (state + 0x9e3779b9) >>> 0, mix(state, 0));
  let a = next(), b = next(), c = next(), counter = 1;
  const draw = (): number => {
    const sum = (a + b + counter) >>> 0;
    counter = (counter + 1) >>> 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) >>> 0;
    c = (((c << 21) | (c >>> 11)) + sum) >>> 0;
    return sum;
  };
  for (let i = 0; i < 12; i++) draw();
  return {
    below(limit) {
      // Numbers above the last whole multiple would favor small results.
      const fair = 2 ** 32 - 2 ** 32 % limit;
      let number = draw();
      while (number >= fair) number = draw();
      return number % limit;
    },
    fraction: () => ((draw() >>> 5) * 2 ** 26 + (draw() >>> 6)) / 2 ** 53,
  };
}

/** A hash with one more number in it, a whole one below 2^32. */
export function mix(hash: number, value: number): number {
  hash = Math.imul(hash ^ value ^ (value >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/**
 * A seed for a run that has none. It comes from `Math.random`: a program that seeds that function, as
 * programs for TensorFlow.js do, is reproducible with keepfit too.
 */
export function randomSeed(): number {
  return Math.floor(Math.random() * 2 ** 32);
}
