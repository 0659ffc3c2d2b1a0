/** Dropout and noise: `assembly/noise.ts`. */
export interface NoiseKernels {
  dropout(
    n: number,
    first: number,
    second: number,
    limit: number,
    factor: number,
    x: number,
    y: number,
  ): void;
  alphaDropout(
    n: number,
    first: number,
    second: number,
    limit: number,
    low: number,
    a: number,
    b: number,
    x: number,
    y: number,
  ): void;
  gaussian(
    n: number,
    first: number,
    second: number,
    mean: number,
    stddev: number,
    y: number,
  ): void;
}
