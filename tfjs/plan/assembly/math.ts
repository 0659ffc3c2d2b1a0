// Elementary functions of one and of four float32, bit-identical on every machine. Polynomials of
// Cephes (Moshier), within 2 ulp.

export const zero4: v128 = f32x4.splat(0);
export const one4: v128 = f32x4.splat(1);

/** max(x, 0): NaN stays NaN, and -0 becomes 0. Processors lack wasm's f32x4.max, a series of steps. */
@inline
export function relu4(x: v128): v128 {
  return f32x4.add(f32x4.pmax(x, zero4), zero4);
}

@inline
function polynomial(sum: v128, x: v128, next: f32): v128 {
  return f32x4.add(f32x4.mul(sum, x), f32x4.splat(next));
}

/** exp(x): 0 below the smallest normal number, at most 2.4e38. NaN stays NaN. */
@inline
export function exp4(x: v128): v128 {
  const tooSmall = f32x4.lt(x, f32x4.splat(-87.3365));
  const within = f32x4.pmin(f32x4.pmax(x, f32x4.splat(-87.3365)), f32x4.splat(88.37626));
  const n = f32x4.nearest(f32x4.mul(within, f32x4.splat(1.44269504)));
  let r = f32x4.sub(within, f32x4.mul(n, f32x4.splat(0.693359375)));
  r = f32x4.sub(r, f32x4.mul(n, f32x4.splat(-2.12194440e-4)));
  let q = f32x4.splat(1.9875691500e-4);
  q = polynomial(q, r, 1.3981999507e-3);
  q = polynomial(q, r, 8.3334519073e-3);
  q = polynomial(q, r, 4.1665795894e-2);
  q = polynomial(q, r, 1.6666665459e-1);
  q = polynomial(q, r, 5.0000001201e-1);
  q = f32x4.add(f32x4.add(f32x4.mul(q, f32x4.mul(r, r)), r), one4);
  const power = i32x4.shl(i32x4.add(i32x4.trunc_sat_f32x4_s(n), i32x4.splat(127)), 23);
  return v128.andnot(f32x4.mul(q, power), tooSmall);
}

/** exp(x). */
@inline
export function exp1(x: f32): f32 {
  return f32x4.extract_lane(exp4(f32x4.splat(x)), 0);
}

@inline
export function sigmoid4(x: v128): v128 {
  return f32x4.div(one4, f32x4.add(one4, exp4(f32x4.neg(x))));
}

@inline
export function tanh4(x: v128): v128 {
  const size = f32x4.abs(x);
  const z = f32x4.mul(x, x);
  let q = f32x4.splat(-5.70498872745e-3);
  q = polynomial(q, z, 2.06390887954e-2);
  q = polynomial(q, z, -5.37397155531e-2);
  q = polynomial(q, z, 1.33314422036e-1);
  q = polynomial(q, z, -3.33332819422e-1);
  const near = f32x4.add(f32x4.mul(f32x4.mul(q, z), x), x);
  const far = f32x4.sub(one4, f32x4.div(f32x4.splat(2), f32x4.add(exp4(f32x4.add(size, size)), one4)));
  const sign = v128.and(x, f32x4.splat(-0.0));
  return v128.bitselect(near, v128.or(far, sign), f32x4.lt(size, f32x4.splat(0.625)));
}

/** Error function, as in tfjs: Abramowitz and Stegun 7.1.26, within 1.5e-7. */
@inline
export function erf4(x: v128): v128 {
  const size = f32x4.abs(x);
  const t = f32x4.div(one4, f32x4.add(one4, f32x4.mul(f32x4.splat(0.3275911), size)));
  let q = f32x4.splat(1.061405429);
  q = polynomial(q, t, -1.453152027);
  q = polynomial(q, t, 1.421413741);
  q = polynomial(q, t, -0.284496736);
  q = polynomial(q, t, 0.254829592);
  const rest = f32x4.mul(f32x4.mul(q, t), exp4(f32x4.neg(f32x4.mul(size, size))));
  return v128.or(f32x4.sub(one4, rest), v128.and(x, f32x4.splat(-0.0)));
}
