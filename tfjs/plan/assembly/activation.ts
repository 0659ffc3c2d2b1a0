// Activations. Elementwise ones process four values at once; buffers are padded to whole vectors.
import { at } from "./address";
import { activate4, gradient4, RELU } from "./functions";
import { exp4, zero4 } from "./math";

/** y = activation(x). `y` may be `x`. */
export function activate(kind: i32, n: i32, x: usize, y: usize, alpha: f32): void {
  const end = x + (<usize> n << 2);
  for (; x < end; x += 16, y += 16) v128.store(y, activate4(kind, v128.load(x), alpha));
}

/** d *= derivative of the activation. `x` is the input of `activate`, `y` its output. */
export function activateGradient(kind: i32, n: i32, x: usize, y: usize, d: usize, alpha: f32): void {
  const end = d + (<usize> n << 2);
  // The most frequent activation, as fast as the memory allows.
  if (kind == RELU) {
    for (; d < end; d += 16, y += 16) {
      v128.store(d, v128.and(v128.load(d), f32x4.gt(v128.load(y), zero4)));
    }
    return;
  }
  for (; d < end; d += 16, x += 16, y += 16) {
    v128.store(d, gradient4(kind, v128.load(d), v128.load(x), v128.load(y), alpha));
  }
}

/** Sequential sum, in the order of tfjs. */
@inline
function largest(columns: i32, x: usize): f32 {
  let most: f32 = load<f32>(x);
  for (let j = 1; j < columns; j++) most = max<f32>(most, load<f32>(at(x, j)));
  return most;
}

/** Softmax of each row; `x` may be `y`. */
export function softmax(rows: i32, columns: i32, x: usize, y: usize): void {
  const row: usize = <usize> columns << 2;
  for (let i = 0; i < rows; i++, x += row, y += row) {
    const most = f32x4.splat(largest(columns, x));
    let sum: f32 = 0;
    let j = 0;
    for (; j + 4 <= columns; j += 4) {
      const e = exp4(f32x4.sub(v128.load(at(x, j)), most));
      v128.store(at(y, j), e);
      sum += (f32x4.extract_lane(e, 0) + f32x4.extract_lane(e, 2)) +
        (f32x4.extract_lane(e, 1) + f32x4.extract_lane(e, 3));
    }
    for (; j < columns; j++) {
      const e = f32x4.extract_lane(exp4(f32x4.sub(f32x4.splat(load<f32>(at(x, j))), most)), 0);
      store<f32>(at(y, j), e);
      sum += e;
    }
    for (j = 0; j < columns; j++) store<f32>(at(y, j), load<f32>(at(y, j)) / sum);
  }
}

/** d = gradient of softmax's input, given that of its output `y`. */
export function softmaxGradient(rows: i32, columns: i32, y: usize, d: usize): void {
  const row: usize = <usize> columns << 2;
  for (let i = 0; i < rows; i++, y += row, d += row) {
    let sum: f32 = 0;
    for (let j = 0; j < columns; j++) sum += load<f32>(at(y, j)) * load<f32>(at(d, j));
    for (let j = 0; j < columns; j++) {
      store<f32>(at(d, j), (load<f32>(at(d, j)) - sum) * load<f32>(at(y, j)));
    }
  }
}

/** Log-softmax of each row; `x` may be `y`. */
export function logSoftmax(rows: i32, columns: i32, x: usize, y: usize): void {
  const row: usize = <usize> columns << 2;
  for (let i = 0; i < rows; i++, x += row, y += row) {
    const most = largest(columns, x);
    let sum: f64 = 0;
    for (let j = 0; j < columns; j++) sum += NativeMath.exp(<f64> load<f32>(at(x, j)) - <f64> most);
    const log = <f32> NativeMath.log(sum);
    for (let j = 0; j < columns; j++) store<f32>(at(y, j), load<f32>(at(x, j)) - most - log);
  }
}

/** d = gradient of logSoftmax's input, given that of its output `y`. */
export function logSoftmaxGradient(rows: i32, columns: i32, y: usize, d: usize): void {
  const row: usize = <usize> columns << 2;
  for (let i = 0; i < rows; i++, y += row, d += row) {
    let sum: f32 = 0;
    for (let j = 0; j < columns; j++) sum += load<f32>(at(d, j));
    for (let j = 0; j < columns; j++) {
      const p = <f32> NativeMath.exp(<f64> load<f32>(at(y, j)));
      store<f32>(at(d, j), load<f32>(at(d, j)) - p * sum);
    }
  }
}

/** y = x for positive values, x * alpha for negative ones; `alpha` is one row. */
export function prelu(rows: i32, size: i32, x: usize, alpha: usize, y: usize): void {
  for (let i = 0; i < rows; i++) {
    let j = 0;
    for (; j + 4 <= size; j += 4, x += 16, y += 16) {
      const v = v128.load(x);
      const below = f32x4.mul(v, v128.load(at(alpha, j)));
      v128.store(y, v128.bitselect(below, v, f32x4.lt(v, zero4)));
    }
    for (; j < size; j++, x += 4, y += 4) {
      const v = load<f32>(x);
      store<f32>(y, v < 0 ? v * load<f32>(at(alpha, j)) : v);
    }
  }
}

/** Gradients of prelu: `dx`, and `da` summed over the rows. Either address may be 0 for none. */
export function preluGradient(
  rows: i32, size: i32, x: usize, alpha: usize, dy: usize, dx: usize, da: usize,
): void {
  if (da != 0) memory.fill(da, 0, <usize> size << 2);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < size; j++, x += 4, dy += 4) {
      const v = load<f32>(x), d = load<f32>(dy);
      const isAbove = v > 0;
      if (dx != 0) {
        store<f32>(dx, isAbove ? d : d * load<f32>(at(alpha, j)));
        dx += 4;
      }
      if (da != 0 && !isAbove) store<f32>(at(da, j), load<f32>(at(da, j)) + d * v);
    }
  }
}
