/** Random numbers of a run: the same for one seed on every runtime. */
export interface Random {
  /** A uniformly distributed integer from 0 to below `limit`. */
  below(limit: number): number;
  /** A uniformly distributed number from 0 to below 1, with 53 bits. */
  fraction(): number;
}

/**
 * Random numbers from a seed (sfc32, seeded through splitmix32).
 *
 * @param seed an integer of up to 53 bits
 * @param stream number of one of the seed's sequences, such as the number of a pass. Default: 0
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
      let number = draw();
      if (number >= 2 ** 32 - limit) {
        // Numbers above the last multiple of the limit would favor small results.
        const fair = 2 ** 32 - 2 ** 32 % limit;
        while (number >= fair) number = draw();
      }
      // The remainder of numbers below 2^32, several times as fast as `%`.
      return number - Math.floor(number / limit) * limit;
    },
    fraction: () => ((draw() >>> 5) * 2 ** 26 + (draw() >>> 6)) / 2 ** 53,
  };
}

/** Add a number to a hash. The result is an integer below 2^32. */
export function mix(hash: number, value: number): number {
  hash = Math.imul(hash ^ value ^ (value >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/**
 * A seed for a run without one. It is drawn from `Math.random`, so that a program that seeds that
 * function, as programs for TensorFlow.js do, is reproducible.
 */
export function randomSeed(): number {
  return Math.floor(Math.random() * 2 ** 32);
}
