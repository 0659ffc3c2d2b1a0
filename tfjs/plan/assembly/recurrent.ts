// Time steps of recurrent layers. Rows of states are `step` values apart, rows of gates `zStep`. Gates
// overwrite their pre-activations, gradients overwrite the gates. `pre` keeps the pre-activations if the
// gradient needs them, otherwise it is 0. Rows with a mask of 0 keep their state.
import { activate4, gradient4 } from "./functions";
import { at } from "./address";
import { one4, zero4 } from "./math";

/** Load four values, or the last few of a row. */
@inline
function load4(from: usize, count: i32): v128 {
  return count >= 4 ? v128.load(from) : loadFew(from, count);
}

function loadFew(from: usize, count: i32): v128 {
  let v = f32x4.splat(load<f32>(from));
  if (count > 1) v = f32x4.replace_lane(v, 1, load<f32>(from, 4));
  if (count > 2) v = f32x4.replace_lane(v, 2, load<f32>(from, 8));
  return v;
}

@inline
function store4(to: usize, v: v128, count: i32): void {
  if (count >= 4) v128.store(to, v);
  else storeFew(to, v, count);
}

function storeFew(to: usize, v: v128, count: i32): void {
  store<f32>(to, f32x4.extract_lane(v, 0));
  if (count > 1) store<f32>(to, f32x4.extract_lane(v, 1), 4);
  if (count > 2) store<f32>(to, f32x4.extract_lane(v, 2), 8);
}

function activation(kind: i32, v: v128): v128 {
  return activate4(kind, v, 1);
}

function gradient(kind: i32, g: v128, u: v128, v: v128): v128 {
  return gradient4(kind, g, u, v, 1);
}

/** A gate: the activation of its sum plus the product of the previous state. */
@inline
function gate(kind: i32, z: usize, pre: usize, sums: usize, offset: i32, count: i32): v128 {
  let sum = load4(at(z, offset), count);
  if (sums != 0) sum = f32x4.add(sum, load4(at(sums, offset), count));
  if (pre != 0) store4(at(pre, offset), sum, count);
  return activation(kind, sum);
}

/** Gradient of a gate's pre-activation. */
@inline
function gateGradient(kind: i32, g: v128, v: v128, pre: usize, offset: i32, count: i32): v128 {
  return gradient(kind, g, pre != 0 ? load4(at(pre, offset), count) : zero4, v);
}

@inline
function isMasked(mask: usize): bool {
  return mask != 0 && load<f32>(mask) == 0;
}

/** A masked row: the previous state becomes the next state and the output. */
function keepState(units: i32, h: usize, hNext: usize, y: usize): void {
  const bytes = <usize> units << 2;
  memory.copy(hNext, h, bytes);
  if (y != 0) memory.copy(y, h, bytes);
}

/** A time step of LSTM with gates i, f, c, o. `a` receives the activation of the next carry. */
export function lstm(
  rows: i32, units: i32, gateKind: i32, kind: i32, zStep: i32, step: i32, nextStep: i32,
  z: usize, pre: usize, sums: usize, mask: usize, maskStep: i32,
  h: usize, c: usize, a: usize, hNext: usize, cNext: usize, y: usize,
): void {
  const size: usize = <usize> step << 2, zSize: usize = <usize> zStep << 2;
  const nextSize: usize = <usize> nextStep << 2;
  for (let row = 0; row < rows; row++) {
    if (isMasked(mask)) {
      keepState(units, h, hNext, y);
      keepState(units, c, cNext, 0);
    } else {
      for (let j = 0; j < units; j += 4) {
        const count = units - j;
        const i = gate(gateKind, z, pre, sums, j, count);
        const f = gate(gateKind, z, pre, sums, j + units, count);
        const g = gate(kind, z, pre, sums, j + 2 * units, count);
        const o = gate(gateKind, z, pre, sums, j + 3 * units, count);
        const next = f32x4.add(f32x4.mul(f, load4(at(c, j), count)), f32x4.mul(i, g));
        const active = activation(kind, next);
        const output = f32x4.mul(o, active);
        store4(at(z, j), i, count);
        store4(at(z, j + units), f, count);
        store4(at(z, j + 2 * units), g, count);
        store4(at(z, j + 3 * units), o, count);
        store4(at(cNext, j), next, count);
        store4(at(a, j), active, count);
        store4(at(hNext, j), output, count);
        if (y != 0) store4(at(y, j), output, count);
      }
    }
    z += zSize;
    if (pre != 0) pre += zSize;
    if (sums != 0) sums += <usize> units << 4;
    if (mask != 0) mask += <usize> maskStep << 2;
    h += size;
    c += size;
    a += size;
    hNext += nextSize;
    cNext += nextSize;
    if (y != 0) y += size;
  }
}

/**
 * Gradient of a time step of LSTM. `dh` and `dc` are the gradients of the states after it, `dy` that of
 * its output, or 0. `dc` is overwritten by that of the carry before it. `kept` receives the part of `dh`
 * that bypasses a masked row.
 */
export function lstmGradient(
  rows: i32, units: i32, gateKind: i32, kind: i32, zStep: i32, step: i32,
  z: usize, pre: usize, mask: usize, maskStep: i32,
  c: usize, a: usize, dh: usize, dc: usize, dy: usize, kept: usize,
): void {
  const size: usize = <usize> step << 2, zSize: usize = <usize> zStep << 2;
  const row4: usize = <usize> units << 2;
  for (let row = 0; row < rows; row++) {
    const masked = isMasked(mask);
    for (let j = 0; j < units; j += 4) {
      const count = units - j;
      let d = load4(at(dh, j), count);
      if (dy != 0) d = f32x4.add(d, load4(at(dy, j), count));
      if (kept != 0) store4(at(kept, j), masked ? d : zero4, count);
      let di = zero4, df = zero4, dg = zero4, dout = zero4;
      if (!masked) {
        const i = load4(at(z, j), count), f = load4(at(z, j + units), count);
        const g = load4(at(z, j + 2 * units), count), o = load4(at(z, j + 3 * units), count);
        const before = load4(at(c, j), count), active = load4(at(a, j), count);
        const next = pre != 0 ? f32x4.add(f32x4.mul(f, before), f32x4.mul(i, g)) : zero4;
        const through = gradient(kind, f32x4.mul(d, o), next, active);
        const carry = f32x4.add(load4(at(dc, j), count), through);
        store4(at(dc, j), f32x4.mul(carry, f), count);
        di = gateGradient(gateKind, f32x4.mul(carry, g), i, pre, j, count);
        df = gateGradient(gateKind, f32x4.mul(carry, before), f, pre, j + units, count);
        dg = gateGradient(kind, f32x4.mul(carry, i), g, pre, j + 2 * units, count);
        dout = gateGradient(gateKind, f32x4.mul(d, active), o, pre, j + 3 * units, count);
      }
      store4(at(z, j), di, count);
      store4(at(z, j + units), df, count);
      store4(at(z, j + 2 * units), dg, count);
      store4(at(z, j + 3 * units), dout, count);
    }
    z += zSize;
    if (pre != 0) pre += zSize;
    if (mask != 0) mask += <usize> maskStep << 2;
    c += size;
    a += size;
    dh += row4;
    dc += row4;
    if (dy != 0) dy += size;
    if (kept != 0) kept += row4;
  }
}

/** Gates z and r of a time step of GRU, and the state times r. */
export function gruGates(
  rows: i32, units: i32, gateKind: i32, zStep: i32, step: i32,
  z: usize, pre: usize, sums: usize, h: usize, rh: usize,
): void {
  const size: usize = <usize> step << 2, zSize: usize = <usize> zStep << 2;
  for (let row = 0; row < rows; row++) {
    for (let j = 0; j < units; j += 4) {
      const count = units - j;
      const update = gate(gateKind, z, pre, sums, j, count);
      const reset = gate(gateKind, z, pre, sums, j + units, count);
      store4(at(z, j), update, count);
      store4(at(z, j + units), reset, count);
      store4(at(rh, j), f32x4.mul(reset, load4(at(h, j), count)), count);
    }
    z += zSize;
    if (pre != 0) pre += zSize;
    if (sums != 0) sums += <usize> units << 3;
    h += size;
    rh += size;
  }
}

/** Next state of a time step of GRU: interpolates between the previous state and the third gate. */
export function gruState(
  rows: i32, units: i32, kind: i32, zStep: i32, step: i32, nextStep: i32,
  z: usize, pre: usize, sums: usize, mask: usize, maskStep: i32,
  h: usize, hNext: usize, y: usize,
): void {
  const size: usize = <usize> step << 2, zSize: usize = <usize> zStep << 2;
  for (let row = 0; row < rows; row++) {
    const third = at(z, 2 * units), thirdPre = pre != 0 ? at(pre, 2 * units) : 0;
    for (let j = 0; j < units; j += 4) {
      const count = units - j;
      const made = gate(kind, third, thirdPre, sums, j, count);
      store4(at(third, j), made, count);
      const update = load4(at(z, j), count);
      const next = f32x4.add(
        f32x4.mul(update, load4(at(h, j), count)),
        f32x4.mul(f32x4.sub(one4, update), made),
      );
      store4(at(hNext, j), next, count);
      if (y != 0) store4(at(y, j), next, count);
    }
    if (isMasked(mask)) keepState(units, h, hNext, y);
    z += zSize;
    if (pre != 0) pre += zSize;
    if (sums != 0) sums += <usize> units << 2;
    if (mask != 0) mask += <usize> maskStep << 2;
    h += size;
    hNext += <usize> nextStep << 2;
    if (y != 0) y += size;
  }
}

/** Gradients of gruState: of z, and of the third gate's pre-activation, also written to `d3`. */
export function gruStateGradient(
  rows: i32, units: i32, gateKind: i32, kind: i32, zStep: i32, step: i32,
  z: usize, pre: usize, mask: usize, maskStep: i32,
  h: usize, dh: usize, dy: usize, d3: usize, kept: usize,
): void {
  const size: usize = <usize> step << 2, zSize: usize = <usize> zStep << 2;
  const row4: usize = <usize> units << 2;
  for (let row = 0; row < rows; row++) {
    const masked = isMasked(mask);
    for (let j = 0; j < units; j += 4) {
      const count = units - j;
      let d = load4(at(dh, j), count);
      if (dy != 0) d = f32x4.add(d, load4(at(dy, j), count));
      let updateGradient = zero4, madeGradient = zero4;
      if (!masked) {
        const update = load4(at(z, j), count), made = load4(at(z, j + 2 * units), count);
        const difference = f32x4.sub(load4(at(h, j), count), made);
        updateGradient = gateGradient(gateKind, f32x4.mul(d, difference), update, pre, j, count);
        const share = f32x4.mul(d, f32x4.sub(one4, update));
        madeGradient = gateGradient(kind, share, made, pre, j + 2 * units, count);
        d = f32x4.mul(d, update);
      }
      store4(at(kept, j), d, count);
      store4(at(z, j), updateGradient, count);
      store4(at(z, j + 2 * units), madeGradient, count);
      store4(at(d3, j), madeGradient, count);
    }
    z += zSize;
    if (pre != 0) pre += zSize;
    if (mask != 0) mask += <usize> maskStep << 2;
    h += size;
    dh += row4;
    if (dy != 0) dy += size;
    d3 += row4;
    kept += row4;
  }
}

/** Gradient of r, given `drh`, that of the state times r. */
export function gruGatesGradient(
  rows: i32, units: i32, gateKind: i32, zStep: i32, step: i32,
  z: usize, pre: usize, h: usize, drh: usize, kept: usize,
): void {
  const size: usize = <usize> step << 2, zSize: usize = <usize> zStep << 2;
  const row4: usize = <usize> units << 2;
  for (let row = 0; row < rows; row++) {
    for (let j = 0; j < units; j += 4) {
      const count = units - j;
      const d = load4(at(drh, j), count), reset = load4(at(z, j + units), count);
      store4(at(kept, j), f32x4.add(load4(at(kept, j), count), f32x4.mul(d, reset)), count);
      const g = f32x4.mul(d, load4(at(h, j), count));
      store4(at(z, j + units), gateGradient(gateKind, g, reset, pre, j + units, count), count);
    }
    z += zSize;
    if (pre != 0) pre += zSize;
    h += size;
    drh += row4;
    kept += row4;
  }
}

/** A time step of SimpleRNN. */
export function simpleRecurrent(
  rows: i32, units: i32, kind: i32, step: i32, nextStep: i32,
  z: usize, pre: usize, sums: usize, mask: usize, maskStep: i32,
  h: usize, hNext: usize, y: usize,
): void {
  const size: usize = <usize> step << 2;
  for (let row = 0; row < rows; row++) {
    for (let j = 0; j < units; j += 4) {
      const count = units - j;
      const next = gate(kind, z, pre, sums, j, count);
      store4(at(z, j), next, count);
      store4(at(hNext, j), next, count);
      if (y != 0) store4(at(y, j), next, count);
    }
    if (isMasked(mask)) keepState(units, h, hNext, y);
    z += size;
    if (pre != 0) pre += size;
    if (sums != 0) sums += <usize> units << 2;
    if (mask != 0) mask += <usize> maskStep << 2;
    h += size;
    hNext += <usize> nextStep << 2;
    if (y != 0) y += size;
  }
}

/** Gradient of a time step of SimpleRNN. `kept` receives the part of `dh` that bypasses a masked row. */
export function simpleRecurrentGradient(
  rows: i32, units: i32, kind: i32, step: i32,
  z: usize, pre: usize, mask: usize, maskStep: i32, dh: usize, dy: usize, kept: usize,
): void {
  const size: usize = <usize> step << 2, row4: usize = <usize> units << 2;
  for (let row = 0; row < rows; row++) {
    const masked = isMasked(mask);
    for (let j = 0; j < units; j += 4) {
      const count = units - j;
      let d = load4(at(dh, j), count);
      if (dy != 0) d = f32x4.add(d, load4(at(dy, j), count));
      if (kept != 0) store4(at(kept, j), masked ? d : zero4, count);
      const g = masked ? zero4 : gateGradient(kind, d, load4(at(z, j), count), pre, j, count);
      store4(at(z, j), g, count);
    }
    z += size;
    if (pre != 0) pre += size;
    if (mask != 0) mask += <usize> maskStep << 2;
    dh += row4;
    if (dy != 0) dy += size;
    if (kept != 0) kept += row4;
  }
}
