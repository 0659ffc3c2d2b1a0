// Activations of four values.
import { erf4, exp4, one4, relu4, sigmoid4, tanh4, zero4 } from "./math";

// Kinds of activations, as in ../activations.ts.
export const RELU = 1;
const RELU6 = 2, ELU = 3, SELU = 4, SIGMOID = 5, HARD_SIGMOID = 6, TANH = 7,
  SOFTPLUS = 8, SOFTSIGN = 9, SWISH = 10, LEAKY_RELU = 11, GELU = 12, GELU_NEW = 13, MISH = 14,
  THRESHOLDED_RELU = 15, CLIPPED_RELU = 16;

const seluAlpha: f32 = 1.7580993408473768;
const seluScale: f32 = 1.0507009873554805;

/** Activation of four values. `alpha` is that of elu, swish and leaky relu, or a limit. */
@inline
export function activate4(kind: i32, v: v128, alpha: f32): v128 {
  if (kind == RELU) return relu4(v);
  if (kind == RELU6) return f32x4.pmin(relu4(v), f32x4.splat(6));
  if (kind == ELU) {
    const below = f32x4.mul(f32x4.splat(alpha), f32x4.sub(exp4(v), one4));
    return v128.bitselect(v, below, f32x4.ge(v, zero4));
  }
  if (kind == SELU) {
    const below = f32x4.mul(f32x4.splat(seluAlpha), f32x4.sub(exp4(v), one4));
    return v128.bitselect(f32x4.mul(v, f32x4.splat(seluScale)), below, f32x4.ge(v, zero4));
  }
  if (kind == SIGMOID) return sigmoid4(v);
  if (kind == HARD_SIGMOID) {
    const r = f32x4.add(f32x4.mul(v, f32x4.splat(0.2)), f32x4.splat(0.5));
    return f32x4.pmin(relu4(r), one4);
  }
  if (kind == TANH) return tanh4(v);
  if (kind == SOFTPLUS) return softplus4(v);
  if (kind == SOFTSIGN) return f32x4.div(v, f32x4.add(one4, f32x4.abs(v)));
  if (kind == SWISH) return f32x4.mul(v, sigmoid4(f32x4.mul(v, f32x4.splat(alpha))));
  if (kind == LEAKY_RELU) {
    return v128.bitselect(v, f32x4.mul(v, f32x4.splat(alpha)), f32x4.gt(v, zero4));
  }
  if (kind == GELU) {
    return f32x4.mul(f32x4.mul(v, half), f32x4.add(one4, erf4(f32x4.mul(v, root))));
  }
  if (kind == GELU_NEW) {
    return f32x4.mul(f32x4.mul(v, half), f32x4.add(one4, tanh4(geluNewOf(v))));
  }
  if (kind == MISH) return f32x4.mul(v, tanh4(softplus4(v)));
  if (kind == THRESHOLDED_RELU) return v128.and(v, f32x4.gt(v, f32x4.splat(alpha)));
  if (kind == CLIPPED_RELU) return f32x4.min(relu4(v), f32x4.splat(alpha));
  return v;
}

const half = f32x4.splat(0.5);
/** One over the square root of 2. */
const root = f32x4.splat(0.7071067811865476);

/** Argument of the hyperbolic tangent in gelu_new. */
@inline
function geluNewOf(x: v128): v128 {
  const cube = f32x4.mul(f32x4.splat(0.044715), f32x4.mul(x, f32x4.mul(x, x)));
  return f32x4.mul(f32x4.splat(0.7978845608028654), f32x4.add(x, cube));
}

@inline
function softplus1(x: f32): f32 {
  return max<f32>(x, 0) + <f32> NativeMath.log1p(NativeMath.exp(-Math.abs(<f64> x)));
}

function softplus4(v: v128): v128 {
  let r = f32x4.splat(softplus1(f32x4.extract_lane(v, 0)));
  r = f32x4.replace_lane(r, 1, softplus1(f32x4.extract_lane(v, 1)));
  r = f32x4.replace_lane(r, 2, softplus1(f32x4.extract_lane(v, 2)));
  return f32x4.replace_lane(r, 3, softplus1(f32x4.extract_lane(v, 3)));
}

/**
 * Gradient of an activation's input, given that of its output, `g`. `u` is the input, read only by the
 * activations that need it; `v` is the output.
 */
@inline
export function gradient4(kind: i32, g: v128, u: v128, v: v128, alpha: f32): v128 {
  if (kind == RELU) return v128.and(g, f32x4.gt(v, zero4));
  if (kind == RELU6) {
    return v128.and(g, v128.and(f32x4.gt(v, zero4), f32x4.lt(v, f32x4.splat(6))));
  }
  if (kind == ELU) {
    return v128.bitselect(g, f32x4.mul(g, f32x4.add(v, f32x4.splat(alpha))), f32x4.ge(v, zero4));
  }
  if (kind == SELU) {
    const below = f32x4.mul(g, f32x4.add(v, f32x4.splat(seluAlpha)));
    return v128.bitselect(f32x4.mul(g, f32x4.splat(seluScale)), below, f32x4.gt(v, zero4));
  }
  if (kind == SIGMOID) return f32x4.mul(g, f32x4.mul(v, f32x4.sub(one4, v)));
  if (kind == HARD_SIGMOID) {
    const within = v128.and(f32x4.gt(v, zero4), f32x4.lt(v, one4));
    return v128.and(f32x4.mul(g, f32x4.splat(0.2)), within);
  }
  if (kind == TANH) return f32x4.mul(g, f32x4.sub(one4, f32x4.mul(v, v)));
  if (kind == LEAKY_RELU) {
    return v128.bitselect(g, f32x4.mul(g, f32x4.splat(alpha)), f32x4.gt(v, zero4));
  }
  if (kind == SOFTPLUS) return f32x4.mul(g, sigmoid4(u));
  if (kind == SOFTSIGN) {
    const s = f32x4.add(one4, f32x4.abs(u));
    return f32x4.div(g, f32x4.mul(s, s));
  }
  if (kind == SWISH) {
    // s + a y (1 - s), where y = x s
    const s = sigmoid4(f32x4.mul(u, f32x4.splat(alpha)));
    const slope = f32x4.mul(f32x4.mul(f32x4.splat(alpha), v), f32x4.sub(one4, s));
    return f32x4.mul(g, f32x4.add(s, slope));
  }
  if (kind == GELU) {
    const z = f32x4.mul(u, root);
    // Density of the normal distribution.
    const density = f32x4.mul(exp4(f32x4.neg(f32x4.mul(z, z))), f32x4.splat(0.3989422804014327));
    const share = f32x4.mul(half, f32x4.add(one4, erf4(z)));
    return f32x4.mul(g, f32x4.add(share, f32x4.mul(u, density)));
  }
  if (kind == GELU_NEW) {
    const t = tanh4(geluNewOf(u));
    const cubic = f32x4.mul(f32x4.splat(0.134145), f32x4.mul(u, u));
    const inner = f32x4.mul(f32x4.splat(0.7978845608028654), f32x4.add(one4, cubic));
    const slope = f32x4.mul(f32x4.mul(u, f32x4.sub(one4, f32x4.mul(t, t))), inner);
    return f32x4.mul(g, f32x4.mul(half, f32x4.add(f32x4.add(one4, t), slope)));
  }
  if (kind == MISH) {
    const t = tanh4(softplus4(u));
    const slope = f32x4.mul(f32x4.mul(u, f32x4.sub(one4, f32x4.mul(t, t))), sigmoid4(u));
    return f32x4.mul(g, f32x4.add(t, slope));
  }
  if (kind == THRESHOLDED_RELU) return v128.and(g, f32x4.gt(u, f32x4.splat(alpha)));
  if (kind == CLIPPED_RELU) {
    return v128.and(g, v128.and(f32x4.gt(v, zero4), f32x4.lt(v, f32x4.splat(alpha))));
  }
  return g;
}
