// Maxima and means over windows of images. Pixels outside of the image are ignored.
import { at } from "./address";

/** Maximum of each window. NaN is ignored, as in tfjs. */
export function maxPool(
  images: i32, H: i32, W: i32, C: i32, OH: i32, OW: i32, KH: i32, KW: i32, SH: i32, SW: i32,
  top: i32, left: i32, x: usize, y: usize,
): void {
  const lowest: f32 = -Infinity;
  for (let b = 0; b < images; b++, x = at(x, H * W * C)) {
    for (let i = 0; i < OH; i++) {
      const h0 = max(0, i * SH - top), h1 = min(H, i * SH - top + KH);
      for (let j = 0; j < OW; j++, y = at(y, C)) {
        const w0 = max(0, j * SW - left), w1 = min(W, j * SW - left + KW);
        const pixel: usize = <usize> C << 2;
        const row = <usize> W * pixel;
        const first = x + (<usize> h0 * row + <usize> w0 * pixel);
        const span = <usize> (w1 - w0) * pixel;
        const isSquare = h1 - h0 == 2 && w1 - w0 == 2;
        let c = 0;
        for (; c + 4 <= C; c += 4) {
          let most = f32x4.splat(lowest);
          let p = at(first, c);
          if (isSquare) {
            most = f32x4.pmax(f32x4.pmax(most, v128.load(p)), v128.load(p + pixel));
            p += row;
            most = f32x4.pmax(f32x4.pmax(most, v128.load(p)), v128.load(p + pixel));
            v128.store(at(y, c), most);
            continue;
          }
          for (let h = h0; h < h1; h++, p += row) {
            for (let q = p; q < p + span; q += pixel) most = f32x4.pmax(most, v128.load(q));
          }
          v128.store(at(y, c), most);
        }
        for (; c < C; c++) {
          let most = lowest;
          let p = at(first, c);
          for (let h = h0; h < h1; h++, p += row) {
            for (let q = p; q < p + span; q += pixel) {
              const value = load<f32>(q);
              if (value > most) most = value;
            }
          }
          store<f32>(at(y, c), most);
        }
      }
    }
  }
}

/**
 * Gradient of maxPool.
 *
 * @param all 1 to pass it to each of several equal maxima, 0 to the first
 */
export function maxPoolGradient(
  images: i32, H: i32, W: i32, C: i32, OH: i32, OW: i32, KH: i32, KW: i32, SH: i32, SW: i32,
  top: i32, left: i32, x: usize, y: usize, dy: usize, dx: usize, all: i32,
): void {
  const pixel: usize = <usize> C << 2;
  const row = <usize> W * pixel;
  const isApart = SH >= KH && SW >= KW;
  // Disjoint windows that cover the image write every pixel anyway.
  if ((C & 3) != 0 || !isApart || SH > KH || SW > KW || OH * SH != H || OW * SW != W) {
    memory.fill(dx, 0, <usize> (images * H) * row);
  }
  // Gradient left after a maximum: all of it, or none.
  const kept = i32x4.splat(all ? -1 : 0);
  for (let b = 0; b < images; b++, x += <usize> H * row, dx += <usize> H * row) {
    for (let i = 0; i < OH; i++) {
      const h0 = max(0, i * SH - top), h1 = min(H, i * SH - top + KH);
      for (let j = 0; j < OW; j++, y += pixel, dy += pixel) {
        const w0 = max(0, j * SW - left), w1 = min(W, j * SW - left + KW);
        const offset = <usize> h0 * row + <usize> w0 * pixel;
        const span = <usize> (w1 - w0) * pixel;
        const isSquare = isApart && h1 - h0 == 2 && w1 - w0 == 2;
        let c = 0;
        for (; c + 4 <= C; c += 4) {
          const most = v128.load(at(y, c));
          let left = v128.load(at(dy, c));
          let p = at(offset, c);
          if (isSquare) {
            left = give(x + p, dx + p, most, left, kept, false);
            left = give(x + p + pixel, dx + p + pixel, most, left, kept, false);
            p += row;
            left = give(x + p, dx + p, most, left, kept, false);
            give(x + p + pixel, dx + p + pixel, most, left, kept, false);
            continue;
          }
          for (let h = h0; h < h1; h++, p += row) {
            for (let q = p; q < p + span; q += pixel) {
              left = isApart
                ? give(x + q, dx + q, most, left, kept, false)
                : give(x + q, dx + q, most, left, kept, true);
            }
          }
        }
        for (; c < C; c++) {
          const most = load<f32>(at(y, c));
          let left = load<f32>(at(dy, c));
          let p = at(offset, c);
          for (let h = h0; h < h1; h++, p += row) {
            for (let q = p; q < p + span; q += pixel) {
              if (load<f32>(x + q) != most) continue;
              store<f32>(dx + q, load<f32>(dx + q) + left);
              if (!all) left = 0;
            }
          }
        }
      }
    }
  }
}

/** Pass four gradients to the maxima; returns what is left of them. */
@inline
function give(x: usize, dx: usize, most: v128, left: v128, kept: v128, adds: bool): v128 {
  const isMost = f32x4.eq(v128.load(x), most);
  const given = v128.and(left, isMost);
  v128.store(dx, adds ? f32x4.add(v128.load(dx), given) : given);
  return v128.and(left, v128.or(kept, v128.not(isMost)));
}

/** Mean of each window. */
export function averagePool(
  images: i32, H: i32, W: i32, C: i32, OH: i32, OW: i32, KH: i32, KW: i32, SH: i32, SW: i32,
  top: i32, left: i32, x: usize, y: usize,
): void {
  const pixel: usize = <usize> C << 2;
  const row = <usize> W * pixel;
  for (let b = 0; b < images; b++, x += <usize> H * row) {
    for (let i = 0; i < OH; i++) {
      const h0 = max(0, i * SH - top), h1 = min(H, i * SH - top + KH);
      for (let j = 0; j < OW; j++, y += pixel) {
        const w0 = max(0, j * SW - left), w1 = min(W, j * SW - left + KW);
        const first = x + (<usize> h0 * row + <usize> w0 * pixel);
        const span = <usize> (w1 - w0) * pixel;
        const count: f32 = <f32> ((h1 - h0) * (w1 - w0));
        let c = 0;
        for (; c + 4 <= C; c += 4) {
          let sum = f32x4.splat(0);
          let p = at(first, c);
          for (let h = h0; h < h1; h++, p += row) {
            let part = f32x4.splat(0);
            for (let q = p; q < p + span; q += pixel) part = f32x4.add(part, v128.load(q));
            sum = f32x4.add(sum, part);
          }
          v128.store(at(y, c), f32x4.div(sum, f32x4.splat(count)));
        }
        for (; c < C; c++) {
          let sum: f32 = 0;
          let p = at(first, c);
          for (let h = h0; h < h1; h++, p += row) {
            let part: f32 = 0;
            for (let q = p; q < p + span; q += pixel) part += load<f32>(q);
            sum += part;
          }
          store<f32>(at(y, c), sum / count);
        }
      }
    }
  }
}

/** Gradient of averagePool. As in tfjs, it divides by the full window size even at the border. */
export function averagePoolGradient(
  images: i32, H: i32, W: i32, C: i32, OH: i32, OW: i32, KH: i32, KW: i32, SH: i32, SW: i32,
  top: i32, left: i32, dy: usize, dx: usize,
): void {
  const pixel: usize = <usize> C << 2;
  const row = <usize> W * pixel;
  const share: f32 = 1 / <f32> (KH * KW);
  memory.fill(dx, 0, <usize> (images * H) * row);
  for (let b = 0; b < images; b++, dx += <usize> H * row) {
    for (let i = 0; i < OH; i++) {
      const h0 = max(0, i * SH - top), h1 = min(H, i * SH - top + KH);
      for (let j = 0; j < OW; j++, dy += pixel) {
        const w0 = max(0, j * SW - left), w1 = min(W, j * SW - left + KW);
        const first = dx + (<usize> h0 * row + <usize> w0 * pixel);
        const span = <usize> (w1 - w0) * pixel;
        let c = 0;
        for (; c + 4 <= C; c += 4) {
          const part = f32x4.mul(v128.load(at(dy, c)), f32x4.splat(share));
          let p = at(first, c);
          for (let h = h0; h < h1; h++, p += row) {
            for (let q = p; q < p + span; q += pixel) {
              v128.store(q, f32x4.add(v128.load(q), part));
            }
          }
        }
        for (; c < C; c++) {
          const part = load<f32>(at(dy, c)) * share;
          let p = at(first, c);
          for (let h = h0; h < h1; h++, p += row) {
            for (let q = p; q < p + span; q += pixel) store<f32>(q, load<f32>(q) + part);
          }
        }
      }
    }
  }
}
