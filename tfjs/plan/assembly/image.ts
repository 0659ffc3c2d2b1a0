// Images in NHWC layout.
import { at, copyRun } from "./address";

/**
 * Pad images with zeros.
 *
 * @param H height of the images
 * @param PH height of the padded images
 */
export function pad(
  images: i32, H: i32, W: i32, C: i32, top: i32, left: i32, PH: i32, PW: i32, from: usize, to: usize,
): void {
  const run: usize = <usize> (W * C) << 2;
  const before: usize = <usize> (left * C) << 2;
  const row: usize = <usize> (PW * C) << 2;
  for (let b = 0; b < images; b++) {
    for (let i = 0; i < PH; i++, to += row) {
      if (i < top || i >= top + H) {
        clear(to, row);
        continue;
      }
      clear(to, before);
      copyRun(from, to + before, run);
      clear(to + before + run, row - before - run);
      from += run;
    }
  }
}

@inline
function clear(to: usize, bytes: usize): void {
  const end = to + bytes;
  for (; to + 16 <= end; to += 16) v128.store(to, f32x4.splat(0));
  for (; to < end; to += 4) store<f32>(to, 0);
}

/** Crop images: the reverse of pad. */
export function crop(
  images: i32, H: i32, W: i32, C: i32, top: i32, left: i32, PH: i32, PW: i32, from: usize, to: usize,
): void {
  const run: usize = <usize> (W * C) << 2;
  for (let b = 0; b < images; b++, from = at(from, PH * PW * C)) {
    for (let i = 0; i < H; i++, to += run) copyRun(at(from, ((top + i) * PW + left) * C), to, run);
  }
}

/** Repeat each pixel as a block of SH x SW pixels. */
export function upSample(
  images: i32, H: i32, W: i32, C: i32, SH: i32, SW: i32, from: usize, to: usize,
): void {
  const pixel: usize = <usize> C << 2;
  for (let i = 0; i < images * H; i++, from += <usize> W * pixel) {
    for (let u = 0; u < SH; u++) {
      for (let j = 0; j < W; j++) {
        for (let v = 0; v < SW; v++, to += pixel) copyRun(from + <usize> j * pixel, to, pixel);
      }
    }
  }
}

/** Gradient of upSample: the sum of each block. */
export function upSampleGradient(
  images: i32, H: i32, W: i32, C: i32, SH: i32, SW: i32, dy: usize, dx: usize,
): void {
  memory.fill(dx, 0, <usize> (images * H * W * C) << 2);
  for (let i = 0; i < images * H; i++, dx = at(dx, W * C)) {
    for (let u = 0; u < SH; u++) {
      for (let j = 0; j < W; j++) {
        for (let v = 0; v < SW; v++, dy = at(dy, C)) addRun(dy, at(dx, j * C), C);
      }
    }
  }
}

@inline
function addRun(from: usize, to: usize, count: i32): void {
  let c = 0;
  for (; c + 4 <= count; c += 4) {
    v128.store(at(to, c), f32x4.add(v128.load(at(to, c)), v128.load(at(from, c))));
  }
  for (; c < count; c++) store<f32>(at(to, c), load<f32>(at(to, c)) + load<f32>(at(from, c)));
}

/**
 * Runs of numbers between two of the given ones: from[first] + (from[second] - from[first]) * share.
 *
 * @param n runs of each part
 * @param run numbers of a run
 * @param count given runs of each part
 * @param table first, second and share of each run
 */
export function blend(
  parts: i32, n: i32, run: i32, count: i32, table: usize, from: usize, to: usize,
): void {
  for (let part = 0; part < parts; part++, from = at(from, count * run)) {
    for (let i = 0; i < n; i++, to = at(to, run)) {
      const entry = at(table, 3 * i);
      const p = at(from, load<i32>(entry) * run), q = at(from, load<i32>(entry, 4) * run);
      const share = load<f32>(entry, 8);
      let j = 0;
      for (; j + 4 <= run; j += 4) {
        const a = v128.load(at(p, j));
        const step = f32x4.mul(f32x4.sub(v128.load(at(q, j)), a), f32x4.splat(share));
        v128.store(at(to, j), f32x4.add(a, step));
      }
      for (; j < run; j++) {
        const a = load<f32>(at(p, j));
        store<f32>(at(to, j), a + (load<f32>(at(q, j)) - a) * share);
      }
    }
  }
}

/** The gradient of blend. */
export function blendGradient(
  parts: i32, n: i32, run: i32, count: i32, table: usize, dy: usize, dx: usize,
): void {
  memory.fill(dx, 0, <usize> (parts * count * run) << 2);
  for (let part = 0; part < parts; part++, dx = at(dx, count * run)) {
    for (let i = 0; i < n; i++, dy = at(dy, run)) {
      const entry = at(table, 3 * i);
      const share = load<f32>(entry, 8);
      addShare(dy, at(dx, load<i32>(entry) * run), run, 1 - share);
      if (share != 0) addShare(dy, at(dx, load<i32>(entry, 4) * run), run, share);
    }
  }
}

@inline
function addShare(from: usize, to: usize, count: i32, share: f32): void {
  let j = 0;
  for (; j + 4 <= count; j += 4) {
    const given = f32x4.mul(v128.load(at(from, j)), f32x4.splat(share));
    v128.store(at(to, j), f32x4.add(v128.load(at(to, j)), given));
  }
  for (; j < count; j++) {
    store<f32>(at(to, j), load<f32>(at(to, j)) + load<f32>(at(from, j)) * share);
  }
}
