// Activations of single numbers, four at once. Buffers are padded to whole vectors.
import { at } from "./address";
import { exp4, one4, sigmoid4, tanh4, zero4 } from "./math";

// The numbers of activationKinds in ../activations.ts.
const RELU = 1, RELU6 = 2, ELU = 3, SELU = 4, SIGMOID = 5, HARD_SIGMOID = 6, TANH = 7,
  SOFTPLUS = 8, SOFTSIGN = 9, SWISH = 10, LEAKY_RELU = 11;

const seluAlpha: f32 = 1.7580993408473768;
const seluScale: f32 = 1.0507009873554805;

/** y = activation(x), which may be one buffer; `alpha` is that of elu and leaky relu. */
export function activate(kind: i32, n: i32, x: usize, y: usize, alpha: f32): void {
  const end = x + (<usize> n << 2);
  for (; x < end; x += 16, y += 16) {
    const v = v128.load(x);
    let r = v;
    if (kind == RELU) r = f32x4.max(v, zero4);
    else if (kind == RELU6) r = f32x4.min(f32x4.max(v, zero4), f32x4.splat(6));
    else if (kind == ELU) {
      const below = f32x4.mul(f32x4.splat(alpha), f32x4.sub(exp4(v), one4));
      r = v128.bitselect(v, below, f32x4.ge(v, zero4));
    } else if (kind == SELU) {
      const below = f32x4.mul(f32x4.splat(seluAlpha), f32x4.sub(exp4(v), one4));
      r = v128.bitselect(f32x4.mul(v, f32x4.splat(seluScale)), below, f32x4.ge(v, zero4));
    } else if (kind == SIGMOID) r = sigmoid4(v);
    else if (kind == HARD_SIGMOID) {
      r = f32x4.add(f32x4.mul(v, f32x4.splat(0.2)), f32x4.splat(0.5));
      r = f32x4.min(f32x4.max(r, zero4), one4);
    } else if (kind == TANH) r = tanh4(v);
    else if (kind == SOFTPLUS) r = softplus4(v);
    else if (kind == SOFTSIGN) r = f32x4.div(v, f32x4.add(one4, f32x4.abs(v)));
    else if (kind == SWISH) r = f32x4.mul(v, sigmoid4(f32x4.mul(v, f32x4.splat(alpha))));
    else if (kind == LEAKY_RELU) {
      r = v128.bitselect(v, f32x4.mul(v, f32x4.splat(alpha)), f32x4.gt(v, zero4));
    }
    v128.store(y, r);
  }
}

// @ts-ignore: decorator
@inline
function softplus1(x: f32): f32 {
  return max<f32>(x, 0) + <f32> NativeMath.log1p(NativeMath.exp(-Math.abs(<f64> x)));
}

function softplus4(v: v128): v128 {
  let r = f32x4.splat(softplus1(f32x4.extract_lane(v, 0)));
  r = f32x4.replace_lane(r, 1, softplus1(f32x4.extract_lane(v, 1)));
  r = f32x4.replace_lane(r, 2, softplus1(f32x4.extract_lane(v, 2)));
  return f32x4.replace_lane(r, 3, softplus1(f32x4.extract_lane(v, 3)));
}

/**
 * d *= the activation's derivative. `x` is what `activate` was given; those that can do without have
 * it from `y`.
 */
export function activateGradient(kind: i32, n: i32, x: usize, y: usize, d: usize, alpha: f32): void {
  const end = d + (<usize> n << 2);
  for (; d < end; d += 16, y += 16) {
    const g = v128.load(d), v = v128.load(y);
    let r = g;
    if (kind == RELU) r = v128.and(g, f32x4.gt(v, zero4));
    else if (kind == RELU6) {
      r = v128.and(g, v128.and(f32x4.gt(v, zero4), f32x4.lt(v, f32x4.splat(6))));
    } else if (kind == ELU) {
      r = v128.bitselect(g, f32x4.mul(g, f32x4.add(v, f32x4.splat(alpha))), f32x4.ge(v, zero4));
    } else if (kind == SELU) {
      const below = f32x4.mul(g, f32x4.add(v, f32x4.splat(seluAlpha)));
      r = v128.bitselect(f32x4.mul(g, f32x4.splat(seluScale)), below, f32x4.gt(v, zero4));
    } else if (kind == SIGMOID) r = f32x4.mul(g, f32x4.mul(v, f32x4.sub(one4, v)));
    else if (kind == HARD_SIGMOID) {
      const within = v128.and(f32x4.gt(v, zero4), f32x4.lt(v, one4));
      r = v128.and(f32x4.mul(g, f32x4.splat(0.2)), within);
    } else if (kind == TANH) r = f32x4.mul(g, f32x4.sub(one4, f32x4.mul(v, v)));
    else if (kind == LEAKY_RELU) {
      r = v128.bitselect(g, f32x4.mul(g, f32x4.splat(alpha)), f32x4.gt(v, zero4));
    } else {
      const u = v128.load(x);
      if (kind == SOFTPLUS) r = f32x4.mul(g, sigmoid4(u));
      else if (kind == SOFTSIGN) {
        const s = f32x4.add(one4, f32x4.abs(u));
        r = f32x4.div(g, f32x4.mul(s, s));
      } else if (kind == SWISH) {
        // s + a y (1 - s), where y = x s
        const s = sigmoid4(f32x4.mul(u, f32x4.splat(alpha)));
        const slope = f32x4.mul(f32x4.mul(f32x4.splat(alpha), v), f32x4.sub(one4, s));
        r = f32x4.mul(g, f32x4.add(s, slope));
      }
      x += 16;
    }
    v128.store(d, r);
  }
}

/** Sum, in the order of tfjs: one number after the other. */
// @ts-ignore: decorator
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

/** d = the gradient of softmax's input, from that of its output `y`. */
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

/** The logarithm of softmax of each row; `x` may be `y`. */
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

/** d = the gradient of logSoftmax's input, from that of its output `y`. */
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
