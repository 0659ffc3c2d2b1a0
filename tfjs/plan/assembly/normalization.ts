// Normalization of the columns of a matrix (batch) and of its rows (layer).
import { at } from "./address";
import { columnSums } from "./gemm";

/** Rows added up at once. Short sums have smaller rounding errors. */
const chunk: i32 = 256;

/** Mean and variance of each column. */
export function moments(rows: i32, columns: i32, x: usize, mean: usize, variance: usize): void {
  const share: f32 = 1 / <f32> rows;
  columnSums(rows, columns, x, mean);
  scale(columns, mean, share);
  columnProducts(rows, columns, x, mean, 0, variance);
  scale(columns, variance, share);
}

@inline
function scale(n: i32, to: usize, by: f32): void {
  for (let i = 0; i < n; i++, to += 4) store<f32>(to, load<f32>(to) * by);
}

/**
 * For each column, the sum of (x - mean) * d.
 *
 * @param d address of a matrix; 0 for x - mean itself
 */
export function columnProducts(
  rows: i32, columns: i32, x: usize, mean: usize, d: usize, to: usize,
): void {
  const row: usize = <usize> columns << 2;
  for (let start = 0; start < rows; start += chunk) {
    const count = min(chunk, rows - start);
    let j = 0;
    for (; j + 4 <= columns; j += 4) {
      const m = v128.load(at(mean, j));
      let sum = f32x4.splat(0);
      let p = at(x, j), q = at(d, j);
      for (let i = 0; i < count; i++, p += row, q += row) {
        const difference = f32x4.sub(v128.load(p), m);
        sum = f32x4.add(sum, f32x4.mul(difference, d != 0 ? v128.load(q) : difference));
      }
      if (start > 0) sum = f32x4.add(sum, v128.load(at(to, j)));
      v128.store(at(to, j), sum);
    }
    for (; j < columns; j++) {
      const m = load<f32>(at(mean, j));
      let sum: f32 = 0;
      let p = at(x, j), q = at(d, j);
      for (let i = 0; i < count; i++, p += row, q += row) {
        const difference = load<f32>(p) - m;
        sum += difference * (d != 0 ? load<f32>(q) : difference);
      }
      store<f32>(at(to, j), start > 0 ? load<f32>(at(to, j)) + sum : sum);
    }
    x += <usize> count * row;
    if (d != 0) d += <usize> count * row;
  }
}

/** to = by / sqrt(variance + epsilon). The address `by` may be 0 for ones. */
export function overDeviation(n: i32, variance: usize, epsilon: f32, by: usize, to: usize): void {
  for (let i = 0; i < n; i++) {
    const factor: f32 = by != 0 ? load<f32>(at(by, i)) : 1;
    store<f32>(at(to, i), factor / sqrt<f32>(load<f32>(at(variance, i)) + epsilon));
  }
}

/** y = (x - mean) * factor + offset, by column. The address `offset` may be 0 for none. */
export function normalize(
  rows: i32, columns: i32, x: usize, mean: usize, factor: usize, offset: usize, y: usize,
): void {
  for (let i = 0; i < rows; i++) {
    let j = 0;
    for (; j + 4 <= columns; j += 4, x += 16, y += 16) {
      let v = f32x4.mul(f32x4.sub(v128.load(x), v128.load(at(mean, j))), v128.load(at(factor, j)));
      if (offset != 0) v = f32x4.add(v, v128.load(at(offset, j)));
      v128.store(y, v);
    }
    for (; j < columns; j++, x += 4, y += 4) {
      let v: f32 = (load<f32>(x) - load<f32>(at(mean, j))) * load<f32>(at(factor, j));
      if (offset != 0) v += load<f32>(at(offset, j));
      store<f32>(y, v);
    }
  }
}

/**
 * Gradient of the input of a normalization by the moments of the batch.
 *
 * @param inverse 1 / standard deviation
 * @param factor inverse * gamma
 * @param sums sum of dy over each column
 * @param products sum of (x - mean) * dy over each column
 * @param work scratch memory for 2 * columns values
 */
export function normalizeGradient(
  rows: i32, columns: i32, x: usize, mean: usize, inverse: usize, factor: usize,
  sums: usize, products: usize, dy: usize, dx: usize, work: usize,
): void {
  const share: f32 = 1 / <f32> rows;
  const slopes = work;
  const shifts = at(work, columns);
  for (let j = 0; j < columns; j++) {
    const a = load<f32>(at(factor, j)) * share;
    const s = load<f32>(at(inverse, j));
    store<f32>(at(slopes, j), a * s * s * load<f32>(at(products, j)));
    store<f32>(at(shifts, j), a * load<f32>(at(sums, j)));
  }
  for (let i = 0; i < rows; i++) {
    let j = 0;
    for (; j + 4 <= columns; j += 4, x += 16, dy += 16, dx += 16) {
      const own = f32x4.sub(
        f32x4.mul(v128.load(dy), v128.load(at(factor, j))),
        v128.load(at(shifts, j)),
      );
      const difference = f32x4.sub(v128.load(x), v128.load(at(mean, j)));
      v128.store(dx, f32x4.sub(own, f32x4.mul(difference, v128.load(at(slopes, j)))));
    }
    for (; j < columns; j++, x += 4, dy += 4, dx += 4) {
      const own = load<f32>(dy) * load<f32>(at(factor, j)) - load<f32>(at(shifts, j));
      const difference = load<f32>(x) - load<f32>(at(mean, j));
      store<f32>(dx, own - difference * load<f32>(at(slopes, j)));
    }
  }
}

/** Multiply each row by a row of factors. */
export function scaleColumns(rows: i32, columns: i32, from: usize, factor: usize, to: usize): void {
  for (let i = 0; i < rows; i++) {
    let j = 0;
    for (; j + 4 <= columns; j += 4, from += 16, to += 16) {
      v128.store(to, f32x4.mul(v128.load(from), v128.load(at(factor, j))));
    }
    for (; j < columns; j++, from += 4, to += 4) {
      store<f32>(to, load<f32>(from) * load<f32>(at(factor, j)));
    }
  }
}

/** to = before - (before - batch) * decay: a moving average, computed as in tfjs. */
export function movingAverage(n: i32, before: usize, batch: usize, decay: f32, to: usize): void {
  for (let i = 0; i < n; i++) {
    const old = load<f32>(at(before, i));
    const update = (old - load<f32>(at(batch, i))) * decay;
    store<f32>(at(to, i), old - update);
  }
}

/**
 * Normalize each row.
 *
 * @param gamma address of a row of factors; 0 for ones
 * @param beta address of a row of offsets; 0 for none
 * @param means receives the mean of each row
 * @param inverses receives 1 / standard deviation of each row
 */
export function layerNormalize(
  rows: i32, columns: i32, x: usize, gamma: usize, beta: usize, epsilon: f32, y: usize,
  means: usize, inverses: usize,
): void {
  const row: usize = <usize> columns << 2;
  for (let i = 0; i < rows; i++, x += row, y += row) {
    let sum: f64 = 0;
    for (let j = 0; j < columns; j++) sum += <f64> load<f32>(at(x, j));
    const mean = <f32> (sum / <f64> columns);
    sum = 0;
    for (let j = 0; j < columns; j++) {
      const difference = load<f32>(at(x, j)) - mean;
      sum += <f64> (difference * difference);
    }
    const inverse: f32 = 1 / sqrt<f32>(<f32> (sum / <f64> columns) + epsilon);
    store<f32>(at(means, i), mean);
    store<f32>(at(inverses, i), inverse);
    for (let j = 0; j < columns; j++) {
      let v: f32 = (load<f32>(at(x, j)) - mean) * inverse;
      if (gamma != 0) v *= load<f32>(at(gamma, j));
      if (beta != 0) v += load<f32>(at(beta, j));
      store<f32>(at(y, j), v);
    }
  }
}

/** Gradient of the input of layerNormalize. */
export function layerNormalizeGradient(
  rows: i32, columns: i32, x: usize, gamma: usize, means: usize, inverses: usize,
  dy: usize, dx: usize,
): void {
  const row: usize = <usize> columns << 2;
  for (let i = 0; i < rows; i++, x += row, dy += row, dx += row) {
    const mean = load<f32>(at(means, i)), inverse = load<f32>(at(inverses, i));
    let sum: f64 = 0, product: f64 = 0;
    for (let j = 0; j < columns; j++) {
      const d = load<f32>(at(dy, j)) * (gamma != 0 ? load<f32>(at(gamma, j)) : 1);
      sum += <f64> d;
      product += <f64> (d * ((load<f32>(at(x, j)) - mean) * inverse));
    }
    const shift = <f32> (sum / <f64> columns), slope = <f32> (product / <f64> columns);
    for (let j = 0; j < columns; j++) {
      const d = load<f32>(at(dy, j)) * (gamma != 0 ? load<f32>(at(gamma, j)) : 1);
      const normal = (load<f32>(at(x, j)) - mean) * inverse;
      store<f32>(at(dx, j), (d - shift - normal * slope) * inverse);
    }
  }
}

/** Gradient of gamma of layerNormalize. */
export function layerGammaGradient(
  rows: i32, columns: i32, x: usize, means: usize, inverses: usize, dy: usize, to: usize,
): void {
  const row: usize = <usize> columns << 2;
  for (let j = 0; j < columns; j++) {
    let sum: f64 = 0;
    let p = at(x, j), q = at(dy, j);
    for (let i = 0; i < rows; i++, p += row, q += row) {
      const normal = (load<f32>(p) - load<f32>(at(means, i))) * load<f32>(at(inverses, i));
      sum += <f64> (normal * load<f32>(q));
    }
    store<f32>(at(to, j), <f32> sum);
  }
}
