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
