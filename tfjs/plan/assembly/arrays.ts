// Elementwise functions on whole buffers, which are padded to vectors of four.
import { at } from "./address";

/** to += from. Writes exactly n values, because `to` may be a tensor. */
export function add(n: i32, from: usize, to: usize): void {
  let i = 0;
  for (; i + 4 <= n; i += 4, from += 16, to += 16) {
    v128.store(to, f32x4.add(v128.load(to), v128.load(from)));
  }
  for (; i < n; i++, from += 4, to += 4) store<f32>(to, load<f32>(to) + load<f32>(from));
}

export function copy(n: i32, from: usize, to: usize): void {
  memory.copy(to, from, <usize> n << 2);
}

export function zero(n: i32, to: usize): void {
  memory.fill(to, 0, <usize> n << 2);
}

/** Convert int32 to float32; `to` may be `from`. */
export function toFloats(n: i32, from: usize, to: usize): void {
  for (let i = 0; i < n; i++, from += 4, to += 4) store<f32>(to, <f32> load<i32>(from));
}

/** Add a bias to each row of a matrix. */
export function addBias(rows: i32, columns: i32, bias: usize, to: usize): void {
  for (let i = 0; i < rows; i++) {
    let j = 0;
    for (; j + 4 <= columns; j += 4, to += 16) {
      v128.store(to, f32x4.add(v128.load(to), v128.load(at(bias, j))));
    }
    for (; j < columns; j++, to += 4) store<f32>(to, load<f32>(to) + load<f32>(at(bias, j)));
  }
}

/** to[i] = from[index[i]] */
export function spread(n: i32, from: usize, index: usize, to: usize): void {
  for (let i = 0; i < n; i++) store<f32>(at(to, i), load<f32>(at(from, load<i32>(at(index, i)))));
}

/** Gradient of spread: dx[index[i]] += dy[i], for `count` values of dx. */
export function spreadGradient(n: i32, count: i32, dy: usize, index: usize, dx: usize): void {
  memory.fill(dx, 0, <usize> count << 2);
  for (let i = 0; i < n; i++) {
    const to = at(dx, load<i32>(at(index, i)));
    store<f32>(to, load<f32>(to) + load<f32>(at(dy, i)));
  }
}
