// Losses and metrics of tfjs-layers over positions: rows, or time steps of rows. Each returns the
// weighted sum over the positions as float64. Unless its address is 0, `d` receives the gradient of that
// sum times `scale`.
import { at } from "./address";

@inline
function weightAt(weights: usize, position: i32): f32 {
  return weights != 0 ? load<f32>(at(weights, position)) : 1;
}

/** K.epsilon() of tfjs-layers. */
const epsilon: f32 = 1e-7;
const almostOne: f32 = 1 - 1e-7;

export function squaredError(
  positions: i32, columns: i32, p: usize, y: usize, weights: usize, d: usize, scale: f32,
): f64 {
  let total: f64 = 0;
  for (let i = 0; i < positions; i++) {
    const weight = weightAt(weights, i);
    const slope: f32 = 2 * weight * scale / <f32> columns;
    let sum: f64 = 0;
    for (let j = 0; j < columns; j++) {
      const e = load<f32>(p) - load<f32>(y);
      sum += <f64> (e * e);
      if (d != 0) {
        store<f32>(d, e * slope);
        d += 4;
      }
      p += 4;
      y += 4;
    }
    total += sum / <f64> columns * <f64> weight;
  }
  return total;
}

export function absoluteError(
  positions: i32, columns: i32, p: usize, y: usize, weights: usize, d: usize, scale: f32,
): f64 {
  let total: f64 = 0;
  for (let i = 0; i < positions; i++) {
    const weight = weightAt(weights, i);
    const slope: f32 = weight * scale / <f32> columns;
    let sum: f64 = 0;
    for (let j = 0; j < columns; j++) {
      const e = load<f32>(p) - load<f32>(y);
      sum += <f64> abs<f32>(e);
      if (d != 0) {
        // As in tfjs's gradient of abs, the sign of 0 is -1 and that of NaN is NaN.
        store<f32>(d, e > 0 ? slope : e <= 0 ? -slope : e);
        d += 4;
      }
      p += 4;
      y += 4;
    }
    total += sum / <f64> columns * <f64> weight;
  }
  return total;
}

@inline
function isWithin(x: f32): bool {
  return x >= epsilon && x <= almostOne;
}

@inline
function clip(x: f32): f32 {
  return min<f32>(max<f32>(x, epsilon), almostOne);
}

/** Targets are probabilities of the classes. Predictions are first divided by their sum. */
export function categoricalCrossentropy(
  positions: i32, columns: i32, p: usize, y: usize, weights: usize, d: usize, scale: f32,
): f64 {
  const row: usize = <usize> columns << 2;
  let total: f64 = 0;
  for (let i = 0; i < positions; i++, p += row, y += row) {
    let sum: f32 = 0;
    for (let j = 0; j < columns; j++) sum += load<f32>(at(p, j));
    const weight = weightAt(weights, i);
    let loss: f64 = 0;
    // Sum of the quotients times their gradients.
    let carried: f32 = 0;
    for (let j = 0; j < columns; j++) {
      const target = load<f32>(at(y, j));
      const q = load<f32>(at(p, j)) / sum;
      // A target of 0 contributes nothing, unless the quotient is NaN.
      if (target != 0 || q != q) loss -= <f64> target * NativeMath.log(<f64> clip(q));
      if (d != 0) {
        const slope: f32 = isWithin(q) ? -target / q * weight * scale : 0;
        store<f32>(at(d, j), slope);
        carried += slope * q;
      }
    }
    if (d != 0) {
      for (let j = 0; j < columns; j++) {
        store<f32>(at(d, j), (load<f32>(at(d, j)) - carried) / sum);
      }
      d += row;
    }
    total += loss * <f64> weight;
  }
  return total;
}

/** Targets are indices of classes. Predictions are clipped, divided by their sum and clipped. */
export function sparseCategoricalCrossentropy(
  positions: i32, columns: i32, p: usize, y: usize, weights: usize, d: usize, scale: f32,
): f64 {
  const row: usize = <usize> columns << 2;
  let total: f64 = 0;
  for (let i = 0; i < positions; i++, p += row, y += 4) {
    const right = <i32> floor<f32>(load<f32>(y));
    let sum: f32 = 0;
    for (let j = 0; j < columns; j++) sum += clip(load<f32>(at(p, j)));
    const weight = weightAt(weights, i);
    const isClass = right >= 0 && right < columns;
    const q: f32 = isClass ? clip(load<f32>(at(p, right))) / sum : 1;
    if (isClass || sum != sum) total -= NativeMath.log(<f64> clip(q)) * <f64> weight;
    if (d == 0) continue;
    const slope: f32 = isClass && isWithin(q) ? -weight * scale / q : 0;
    for (let j = 0; j < columns; j++) {
      const inner: f32 = ((j == right ? slope : 0) - slope * q) / sum;
      store<f32>(at(d, j), isWithin(load<f32>(at(p, j))) ? inner : 0);
    }
    d += row;
  }
  return total;
}

/** Predictions are probabilities, converted to logits first, as in tfjs. */
export function binaryCrossentropy(
  positions: i32, columns: i32, p: usize, y: usize, weights: usize, d: usize, scale: f32,
): f64 {
  let total: f64 = 0;
  for (let i = 0; i < positions; i++) {
    const weight = weightAt(weights, i);
    const share: f32 = weight * scale / <f32> columns;
    let sum: f64 = 0;
    for (let j = 0; j < columns; j++, p += 4, y += 4) {
      const q = clip(load<f32>(p));
      const target = load<f32>(y);
      const logit = NativeMath.log(<f64> (q / (1 - q)));
      sum += max<f64>(logit, 0) - logit * <f64> target + NativeMath.log1p(NativeMath.exp(-Math.abs(logit)));
      if (d != 0) {
        store<f32>(d, isWithin(load<f32>(p)) ? (q - target) / (q * (1 - q)) * share : 0);
        d += 4;
      }
    }
    total += sum / <f64> columns * <f64> weight;
  }
  return total;
}

/** Index of the largest value; the first of equal ones, as in tfjs. */
@inline
function argMax(columns: i32, x: usize): i32 {
  let found = 0;
  let most = load<f32>(x);
  for (let j = 1; j < columns; j++) {
    const value = load<f32>(at(x, j));
    if (value > most) {
      most = value;
      found = j;
    }
  }
  return found;
}

export function categoricalAccuracy(positions: i32, columns: i32, p: usize, y: usize): f64 {
  const row: usize = <usize> columns << 2;
  let hits = 0;
  for (let i = 0; i < positions; i++, p += row, y += row) {
    if (argMax(columns, p) == argMax(columns, y)) hits++;
  }
  return hits;
}

export function sparseCategoricalAccuracy(positions: i32, columns: i32, p: usize, y: usize): f64 {
  const row: usize = <usize> columns << 2;
  let hits = 0;
  for (let i = 0; i < positions; i++, p += row, y += 4) {
    if (<f32> argMax(columns, p) == load<f32>(y)) hits++;
  }
  return hits;
}

export function binaryAccuracy(positions: i32, columns: i32, p: usize, y: usize): f64 {
  let hits = 0;
  for (let i = 0, n = positions * columns; i < n; i++, p += 4, y += 4) {
    if ((load<f32>(p) > 0.5 ? <f32> 1 : <f32> 0) == load<f32>(y)) hits++;
  }
  return <f64> hits / <f64> columns;
}

/** Penalty of a regularizer. Adds its gradient to `d`, unless that is 0. */
export function penalty(n: i32, w: usize, l1: f32, l2: f32, d: usize): f64 {
  let absolute: f64 = 0, squares: f64 = 0;
  for (let i = 0; i < n; i++, w += 4) {
    const v = load<f32>(w);
    absolute += <f64> abs<f32>(v);
    squares += <f64> (v * v);
    if (d == 0) continue;
    const sign: f32 = v > 0 ? 1 : -1;
    store<f32>(d, load<f32>(d) + (l1 * sign + 2 * l2 * v));
    d += 4;
  }
  return <f64> l1 * absolute + <f64> l2 * squares;
}
