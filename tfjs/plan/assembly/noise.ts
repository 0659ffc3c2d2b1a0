// Random numbers of dropout and noise: a hash of a key and an index, bit-identical to ../../noise.ts.
// Buffers are padded to vectors of four.

@inline
function mixed4(h: v128): v128 {
  h = v128.xor(h, i32x4.shr_u(h, 16));
  h = i32x4.mul(h, i32x4.splat(0x85ebca6b));
  h = v128.xor(h, i32x4.shr_u(h, 13));
  h = i32x4.mul(h, i32x4.splat(0xc2b2ae35));
  return v128.xor(h, i32x4.shr_u(h, 16));
}

/** Hashes of the indices i to i + 3. */
@inline
function hash4(i: i32, first: i32, second: i32): v128 {
  const places = i32x4.add(i32x4.splat(i), i32x4(0, 1, 2, 3));
  const start = i32x4.add(i32x4.mul(places, i32x4.splat(0x9e3779b9)), i32x4.splat(first));
  return mixed4(v128.xor(mixed4(start), i32x4.splat(second)));
}

/** y = x * factor, or x * 0 if the hash is below the limit. x is 1 if its address is 0. */
export function dropout(
  n: i32, first: i32, second: i32, limit: i32, factor: f32, x: usize, y: usize,
): void {
  const limits = i32x4.splat(limit), factors = f32x4.splat(factor);
  for (let i = 0; i < n; i += 4) {
    const kept = v128.and(factors, i32x4.ge_u(hash4(i, first, second), limits));
    v128.store(y, x != 0 ? f32x4.mul(v128.load(x), kept) : kept);
    y += 16;
    if (x != 0) x += 16;
  }
}

/** y = (x * kept + (kept - 1) * low) * a + b; `kept` is 0 if the hash is below the limit, else 1. */
export function alphaDropout(
  n: i32, first: i32, second: i32, limit: i32, low: f32, a: f32, b: f32, x: usize, y: usize,
): void {
  const limits = i32x4.splat(limit), ones = f32x4.splat(1);
  for (let i = 0; i < n; i += 4, x += 16, y += 16) {
    const kept = v128.and(ones, i32x4.ge_u(hash4(i, first, second), limits));
    const lows = f32x4.mul(f32x4.sub(kept, ones), f32x4.splat(low));
    const sum = f32x4.add(f32x4.mul(v128.load(x), kept), lows);
    v128.store(y, f32x4.add(f32x4.mul(sum, f32x4.splat(a)), f32x4.splat(b)));
  }
}

/** Normally distributed numbers. */
export function gaussian(
  n: i32, first: i32, second: i32, mean: f64, stddev: f64, y: usize,
): void {
  for (let i = 0; i < n; i += 4, y += 16) {
    const h = hash4(i, first, second);
    store<f32>(y, <f32> (mean + stddev * normal(i32x4.extract_lane(h, 0))));
    store<f32>(y, <f32> (mean + stddev * normal(i32x4.extract_lane(h, 1))), 4);
    store<f32>(y, <f32> (mean + stddev * normal(i32x4.extract_lane(h, 2))), 8);
    store<f32>(y, <f32> (mean + stddev * normal(i32x4.extract_lane(h, 3))), 12);
  }
}

/** Normal deviate of a hash, as a quantile: Wichura's PPND7, AS 241. */
function normal(hash: i32): f64 {
  const u = (<f64> <u32> hash + 0.5) / 4294967296;
  const q = u - 0.5;
  if (Math.abs(q) <= 0.425) {
    const r = 0.180625 - q * q;
    return q * (((59.109374720 * r + 159.29113202) * r + 50.434271938) * r + 3.3871327179) /
      (((67.187563600 * r + 78.757757664) * r + 17.895169469) * r + 1);
  }
  // Distance from the nearer end, as an odd multiple of 2^-33.
  const half: u32 = hash < 0 ? ~<u32> hash : <u32> hash;
  const odd = 2 * <f64> half + 1;
  const r = NativeMath.sqrt(-logOfShare(odd, half)) - 1.6;
  const z = (((0.17023821103 * r + 1.3067284816) * r + 2.7568153900) * r + 1.4234372777) /
    ((0.12021132975 * r + 0.73700164250) * r + 1);
  return q < 0 ? -z : z;
}

/** log(odd / 2^33), where odd = 2 half + 1. */
function logOfShare(odd: f64, half: u32): f64 {
  // odd = m 2^e with m from 1 up to 2
  const e = 32 - <i32> clz<u32>(half);
  const m = odd / <f64> (<u64> 1 << <u64> e);
  // m / sqrt(2) is near 1; log((1 + s) / (1 - s)) = 2 (s + s^3 / 3 + ...)
  const near = m * 0.7071067811865476;
  const s = (near - 1) / (near + 1);
  const t = s * s;
  const sum = ((((((t / 15 + 1.0 / 13) * t + 1.0 / 11) * t + 1.0 / 9) * t + 1.0 / 7) * t + 1.0 / 5) * t + 1.0 / 3) * t + 1;
  return 2 * s * sum + (<f64> e - 32.5) * 0.6931471805599453;
}
