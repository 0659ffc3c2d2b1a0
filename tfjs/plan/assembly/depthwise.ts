// Depthwise convolutions, with tables of offsets as in convolution.ts.
import { at } from "./address";

/**
 * For each window and channel, the sum over T taps of the pixel times the weight.
 *
 * @param weights byte offset in w of each tap's row of weights
 * @param bias address of C values; 0 for none
 * @param outputOffsets byte offsets of the results; 0 for contiguous results
 */
export function depthwise(
  M: i32, C: i32, T: i32, a: usize, rows: usize, taps: usize, weights: usize, w: usize,
  bias: usize, y: usize, outputOffsets: usize,
): void {
  const pixel: usize = <usize> C << 2;
  for (let i = 0; i < M; i++) {
    const from = a + <usize> load<u32>(at(rows, i));
    const to = outputOffsets != 0 ? y + <usize> load<u32>(at(outputOffsets, i)) : y + <usize> i * pixel;
    let c = 0;
    for (; c + 8 <= C; c += 8) {
      let sum0 = bias != 0 ? v128.load(at(bias, c)) : f32x4.splat(0);
      let sum1 = bias != 0 ? v128.load(at(bias, c), 16) : f32x4.splat(0);
      const p = at(from, c), q = at(w, c);
      for (let t = 0; t < T; t++) {
        const x = p + <usize> load<u32>(at(taps, t)), v = q + <usize> load<u32>(at(weights, t));
        sum0 = f32x4.add(sum0, f32x4.mul(v128.load(x), v128.load(v)));
        sum1 = f32x4.add(sum1, f32x4.mul(v128.load(x, 16), v128.load(v, 16)));
      }
      v128.store(at(to, c), sum0);
      v128.store(at(to, c), sum1, 16);
    }
    for (; c < C; c++) {
      let sum: f32 = bias != 0 ? load<f32>(at(bias, c)) : 0;
      const p = at(from, c), q = at(w, c);
      for (let t = 0; t < T; t++) {
        sum += load<f32>(p + <usize> load<u32>(at(taps, t))) *
          load<f32>(q + <usize> load<u32>(at(weights, t)));
      }
      store<f32>(at(to, c), sum);
    }
  }
}

/** Gradient of the weights of T taps; `adds` is 1 to add to `dw`. */
export function depthwiseWeightGradient(
  M: i32, C: i32, T: i32, a: usize, rows: usize, taps: usize, dy: usize, dw: usize, adds: i32,
): void {
  const pixel: usize = <usize> C << 2;
  for (let t = 0; t < T; t++, dw += pixel) {
    const from = a + <usize> load<u32>(at(taps, t));
    let c = 0;
    for (; c + 8 <= C; c += 8) {
      let sum0 = f32x4.splat(0), sum1 = sum0;
      const p = at(from, c);
      let d = at(dy, c);
      for (let i = 0; i < M; i++, d += pixel) {
        const x = p + <usize> load<u32>(at(rows, i));
        sum0 = f32x4.add(sum0, f32x4.mul(v128.load(x), v128.load(d)));
        sum1 = f32x4.add(sum1, f32x4.mul(v128.load(x, 16), v128.load(d, 16)));
      }
      const to = at(dw, c);
      if (adds) {
        sum0 = f32x4.add(sum0, v128.load(to));
        sum1 = f32x4.add(sum1, v128.load(to, 16));
      }
      v128.store(to, sum0);
      v128.store(to, sum1, 16);
    }
    for (; c < C; c++) {
      let sum: f32 = 0;
      const p = at(from, c);
      let d = at(dy, c);
      for (let i = 0; i < M; i++, d += pixel) {
        sum += load<f32>(p + <usize> load<u32>(at(rows, i))) * load<f32>(d);
      }
      store<f32>(at(dw, c), adds ? load<f32>(at(dw, c)) + sum : sum);
    }
  }
}

/** Repeat each value `times` times in a row. */
export function repeat(n: i32, times: i32, from: usize, to: usize): void {
  for (let i = 0; i < n; i++, from += 4) {
    const value = load<f32>(from);
    for (let j = 0; j < times; j++, to += 4) store<f32>(to, value);
  }
}

/** Gradient of repeat: the sum over the copies of each value. */
export function repeatGradient(n: i32, times: i32, dy: usize, dx: usize): void {
  for (let i = 0; i < n; i++, dx += 4) {
    let sum: f32 = 0;
    for (let j = 0; j < times; j++, dy += 4) sum += load<f32>(dy);
    store<f32>(dx, sum);
  }
}
