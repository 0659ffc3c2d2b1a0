// Elementwise functions of two buffers, which are padded to vectors of four, and copies.

/** to = a * b. The buffers may be the same. */
export function multiply(n: i32, a: usize, b: usize, to: usize): void {
  const end = a + (<usize> n << 2);
  for (; a < end; a += 16, b += 16, to += 16) {
    v128.store(to, f32x4.mul(v128.load(a), v128.load(b)));
  }
}

/** to = from * factor */
export function scale(n: i32, factor: f32, from: usize, to: usize): void {
  const end = from + (<usize> n << 2);
  const factors = f32x4.splat(factor);
  for (; from < end; from += 16, to += 16) v128.store(to, f32x4.mul(v128.load(from), factors));
}

/** Elementwise maximum, or minimum; the first of equal values. */
export function pick(n: i32, isLarger: i32, a: usize, b: usize, to: usize): void {
  const end = a + (<usize> n << 2);
  for (; a < end; a += 16, b += 16, to += 16) {
    const x = v128.load(a), y = v128.load(b);
    v128.store(to, isLarger ? f32x4.max(x, y) : f32x4.min(x, y));
  }
}

/** Move the gradients of the values picked from `x` to `to`; `d` keeps the others. */
export function pickGradient(n: i32, x: usize, picked: usize, d: usize, to: usize): void {
  const end = x + (<usize> n << 2);
  for (; x < end; x += 16, picked += 16, d += 16) {
    const isPicked = f32x4.eq(v128.load(x), v128.load(picked));
    const g = v128.load(d);
    if (to != 0) {
      v128.store(to, v128.and(g, isPicked));
      to += 16;
    }
    v128.store(d, v128.andnot(g, isPicked));
  }
}

/** Copy `width` values of each row; steps are strides of rows, in values. */
export function copyColumns(
  rows: i32, width: i32, from: usize, fromStep: i32, to: usize, toStep: i32,
): void {
  const bytes = <usize> width << 2;
  for (let i = 0; i < rows; i++) {
    memory.copy(to, from, bytes);
    from += <usize> fromStep << 2;
    to += <usize> toStep << 2;
  }
}

/** to[row, j] = from[row, map[j]]; `fromStep` is the stride of rows, in values. */
export function gather(
  rows: i32, n: i32, map: usize, from: usize, fromStep: i32, to: usize,
): void {
  for (let i = 0; i < rows; i++) {
    let index = map;
    for (const end = map + (<usize> n << 2); index < end; index += 4) {
      store<f32>(to, load<f32>(from + (<usize> load<i32>(index) << 2)));
      to += 4;
    }
    from += <usize> fromStep << 2;
  }
}

/** to[row, map[j]] += from[row, j]; `toStep` is the stride of rows, in values. */
export function scatterAdd(
  rows: i32, n: i32, map: usize, from: usize, to: usize, toStep: i32,
): void {
  for (let i = 0; i < rows; i++) {
    let index = map;
    for (const end = map + (<usize> n << 2); index < end; index += 4) {
      const at = to + (<usize> load<i32>(index) << 2);
      store<f32>(at, load<f32>(at) + load<f32>(from));
      from += 4;
    }
    to += <usize> toStep << 2;
  }
}
