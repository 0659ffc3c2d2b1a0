import { kindOf } from "../../activations.ts";
import { multiply, multiplyStrided, transpose } from "../../matrices.ts";
import { planStateDropout, reservePreActivations, stepAt } from "./parts.ts";
import type { PlanCell } from "./types.ts";

/** Cell of `tf.layers.simpleRNN`. */
export const planSimpleRNN: PlanCell = (cell, builder, { steps, z, isMasked, factors }) => {
  const { kernels } = builder;
  const { units } = cell;
  const step = steps * units;
  const kind = kindOf(cell.activation);
  const weight = builder.weight(cell.recurrentKernel);
  const pre = reservePreActivations(cell, builder, step);
  const h = builder.perRow(step);
  const sums = builder.perRow(units);
  const kept = isMasked ? builder.perRow(units) : undefined;
  const product = multiplyStrided(builder, units, units);
  const transposed = builder.fixed(weight.size);
  const whole = multiply(builder, units, units);
  const reading = planStateDropout(builder, h, [steps, units], factors);
  return {
    states: [h],
    forward({ rows, time, hasState, y, mask }, next) {
      const [zAt, hAt] = [stepAt(z, time, units), stepAt(h, time, units)];
      if (hasState) {
        const read = reading.ofStep(rows, hAt);
        product(rows, read.address, read.step, weight.data.address, sums.address);
      }
      // deno-fmt-ignore
      kernels.simpleRecurrent(
        rows, units, kind, step, next.rowStride,
        zAt, stepAt(pre, time, units), hasState ? sums.address : 0, mask, steps, hAt, next.addresses[0], y,
      );
    },
    beginBackward: () => transpose(builder, units, units, weight.data.address, transposed.address),
    backward({ rows, time, hasState, y, mask }, [dh]) {
      const zAt = stepAt(z, time, units);
      // deno-fmt-ignore
      kernels.simpleRecurrentGradient(
        rows, units, kind, step, zAt, stepAt(pre, time, units), mask, steps,
        dh.address, y, kept?.address ?? 0,
      );
      if (!hasState) return;
      product(rows, zAt, step, transposed.address, dh.address);
      reading.backward(rows, dh);
      if (kept !== undefined) kernels.add(rows * units, kept.address, dh.address);
    },
    weightGradient: (rows, to) => whole.weightGradient(rows * steps, reading.ofAll(rows), z, to),
  };
};
