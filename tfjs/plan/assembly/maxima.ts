// Maxima of the output of a convolution, and the gradients that start with them: other pixels have
// none. A channel has a list of its maxima with a gradient: the size of the entries in bytes, padded
// to 8 bytes, then for each maximum the byte offset of its window in the padded images, and its
// gradient.
import { at } from "./address";

/** Bytes of the list of a channel for up to `count` maxima. */
@inline
function listBytes(count: i32): usize {
  return <usize> (count + 1) << 3;
}

/**
 * Find the maxima of N >= 4 channels. NaN is ignored.
 *
 * @param count number of pooling windows
 * @param x input of the pooling
 * @param pixels byte offset of each pooling window in x
 * @param T number of pixels of a pooling window
 * @param taps byte offsets of these pixels
 * @param windows byte offset in the padded images, for each pooling window
 * @param steps byte offsets in the padded images, for each pixel of a pooling window
 * @param y the maxima
 * @param offsets byte offset in the padded images, for each of the maxima; -1 for none
 */
export function findMaxima(
  count: i32, N: i32, x: usize, pixels: usize, T: i32, taps: usize, windows: usize, steps: usize,
  y: usize, offsets: usize,
): void {
  const row: usize = <usize> N << 2;
  const none = i32x4.splat(-1);
  for (let i = 0; i < count; i++, y += row, offsets += row) {
    const first = x + <usize> load<u32>(at(pixels, i));
    const window = v128.load32_splat(at(windows, i));
    for (let j = 0; j < N; j += 4) {
      // The last four channels may include some of those before.
      const channel = min(j, N - 4);
      const from = at(first, channel);
      let most = f32x4.splat(-Infinity);
      // The first of equal maxima has the least step.
      let step = none;
      if (T == 4) {
        const a = tap(from, taps, 0), b = tap(from, taps, 1), c = tap(from, taps, 2), d = tap(from, taps, 3);
        most = f32x4.pmax(f32x4.pmax(f32x4.pmax(f32x4.pmax(most, a), b), c), d);
        step = nearest(nearest(step, a, most, steps, 0), b, most, steps, 1);
        step = nearest(nearest(step, c, most, steps, 2), d, most, steps, 3);
      } else {
        for (let t = 0; t < T; t++) most = f32x4.pmax(most, tap(from, taps, t));
        for (let t = 0; t < T; t++) step = nearest(step, tap(from, taps, t), most, steps, t);
      }
      v128.store(at(y, channel), most);
      v128.store(at(offsets, channel), v128.or(i32x4.add(step, window), i32x4.eq(step, none)));
    }
  }
}

/** Four channels of a pixel of a pooling window. */
@inline
function tap(from: usize, taps: usize, t: i32): v128 {
  return v128.load(from + <usize> load<u32>(at(taps, t)));
}

/** The less of two steps; the second counts if it leads to a maximum. */
@inline
function nearest(step: v128, values: v128, most: v128, steps: usize, t: i32): v128 {
  const isLess = f32x4.ne(values, most);
  return i32x4.min_u(step, v128.or(v128.load32_splat(at(steps, t)), isLess));
}

/**
 * List the maxima of N >= 4 channels whose gradient is not zero.
 *
 * @param count number of pooling windows
 * @param offsets as of findMaxima
 */
export function listMaxima(count: i32, N: i32, offsets: usize, dy: usize, lists: usize): void {
  const row: usize = <usize> N << 2;
  const size = listBytes(count);
  for (let j = 0; j < N; j += 4) {
    const channel = min(j, N - 4);
    const list = lists + <usize> channel * size;
    let e0 = list + 8, e1 = e0 + size, e2 = e1 + size, e3 = e2 + size;
    let p = at(offsets, channel), q = at(dy, channel);
    for (let i = 0; i < count; i++, p += row, q += row) {
      const offset = v128.load(p);
      const gradient = v128.andnot(v128.load(q), i32x4.eq(offset, i32x4.splat(-1)));
      const low = v128.shuffle<f32>(offset, gradient, 0, 4, 1, 5);
      const high = v128.shuffle<f32>(offset, gradient, 2, 6, 3, 7);
      v128.store_lane<u64>(e0, low, 0);
      v128.store_lane<u64>(e1, low, 1);
      v128.store_lane<u64>(e2, high, 0);
      v128.store_lane<u64>(e3, high, 1);
      const isKept = <usize> i32x4.bitmask(f32x4.ne(gradient, f32x4.splat(0)));
      e0 += (isKept & 1) << 3;
      e1 += (isKept & 2) << 2;
      e2 += (isKept & 4) << 1;
      e3 += isKept & 8;
    }
    store<u32>(list, <u32> (e0 - list) - 8);
    store<u32>(list + size, <u32> (e1 - list - size) - 8);
    store<u32>(list + 2 * size, <u32> (e2 - list - 2 * size) - 8);
    store<u32>(list + 3 * size, <u32> (e3 - list - 3 * size) - 8);
  }
}

/**
 * Add to some columns of the gradient of the weights, a matrix with N columns.
 *
 * @param count largest number of maxima in a list
 * @param lists list of the first of these columns
 * @param x padded images
 * @param V number of vectors in a window, a multiple of four
 * @param vectors for each of them, its byte offset, its row in dw and the number of values to skip
 */
export function maximaWeightGradient(
  columns: i32, N: i32, count: i32, lists: usize, x: usize, V: i32, vectors: usize, dw: usize,
): void {
  const size = listBytes(count);
  for (let v = 0; v < V; v += 4, vectors += 48) {
    const x0 = x + <usize> load<u32>(vectors), x1 = x + <usize> load<u32>(vectors, 12);
    const x2 = x + <usize> load<u32>(vectors, 24), x3 = x + <usize> load<u32>(vectors, 36);
    let list = lists;
    for (let n = 0; n < columns; n++, list += size) {
      let c0 = f32x4.splat(0), c1 = c0, c2 = c0, c3 = c0;
      let p = list + 8;
      for (const end = p + <usize> load<u32>(list); p < end; p += 8) {
        const offset = <usize> load<u32>(p);
        const g = v128.load32_splat(p, 4);
        c0 = f32x4.add(c0, f32x4.mul(g, v128.load(x0 + offset)));
        c1 = f32x4.add(c1, f32x4.mul(g, v128.load(x1 + offset)));
        c2 = f32x4.add(c2, f32x4.mul(g, v128.load(x2 + offset)));
        c3 = f32x4.add(c3, f32x4.mul(g, v128.load(x3 + offset)));
      }
      addToColumn(c0, N, vectors, at(dw, n));
      addToColumn(c1, N, vectors + 12, at(dw, n));
      addToColumn(c2, N, vectors + 24, at(dw, n));
      addToColumn(c3, N, vectors + 36, at(dw, n));
    }
  }
}

/** Add the values of a vector to a column. */
@inline
function addToColumn(values: v128, N: i32, vector: usize, to: usize): void {
  const row: usize = <usize> N << 2;
  const skipped = load<i32>(vector, 8);
  to = at(to, load<i32>(vector, 4) * N);
  if (skipped < 1) store<f32>(to, load<f32>(to) + f32x4.extract_lane(values, 0));
  to += row;
  if (skipped < 2) store<f32>(to, load<f32>(to) + f32x4.extract_lane(values, 1));
  to += row;
  if (skipped < 3) store<f32>(to, load<f32>(to) + f32x4.extract_lane(values, 2));
  to += row;
  if (skipped < 4) store<f32>(to, load<f32>(to) + f32x4.extract_lane(values, 3));
}

/**
 * Add to the gradient of padded images.
 *
 * @param w transposed weights: N rows of 4 V
 */
export function maximaInputGradient(
  N: i32, count: i32, lists: usize, w: usize, V: i32, vectors: usize, dx: usize,
): void {
  const size = listBytes(count);
  const row = <usize> V << 4;
  let v = 0;
  for (; v + 4 <= V; v += 4, vectors += 48, w += 64) {
    const x0 = dx + <usize> load<u32>(vectors), x1 = dx + <usize> load<u32>(vectors, 12);
    const x2 = dx + <usize> load<u32>(vectors, 24), x3 = dx + <usize> load<u32>(vectors, 36);
    let list = lists, from = w;
    for (let n = 0; n < N; n++, list += size, from += row) {
      const w0 = v128.load(from), w1 = v128.load(from, 16);
      const w2 = v128.load(from, 32), w3 = v128.load(from, 48);
      let p = list + 8;
      for (const end = p + <usize> load<u32>(list); p < end; p += 8) {
        const offset = <usize> load<u32>(p);
        const g = v128.load32_splat(p, 4);
        addTo(x0 + offset, g, w0);
        addTo(x1 + offset, g, w1);
        addTo(x2 + offset, g, w2);
        addTo(x3 + offset, g, w3);
      }
    }
  }
  for (; v < V; v++, vectors += 12, w += 16) {
    const to = dx + <usize> load<u32>(vectors);
    let list = lists, from = w;
    for (let n = 0; n < N; n++, list += size, from += row) {
      const values = v128.load(from);
      let p = list + 8;
      for (const end = p + <usize> load<u32>(list); p < end; p += 8) {
        addTo(to + <usize> load<u32>(p), v128.load32_splat(p, 4), values);
      }
    }
  }
}

@inline
function addTo(to: usize, g: v128, values: v128): void {
  v128.store(to, f32x4.add(v128.load(to), f32x4.mul(g, values)));
}
