import { kindOf } from "../../activations.ts";
import { multiply, multiplyStrided, transpose } from "../../matrices.ts";
import { planStateDropout, reservePreActivations, rowAt, stepAt } from "./parts.ts";
import type { PlanCell } from "./types.ts";

/** Cell of `tf.layers.simpleRNN`. */
export const planSimpleRNN: PlanCell = (cell, builder, { steps, z, isMasked, factors }) => {
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
    forward(part, next) {
      const { kernels, first, rows, hasState, y, mask } = part;
      const [zAt, preAt] = [stepAt(z, part, steps, units), stepAt(pre, part, steps, units)];
      const hAt = stepAt(h, part, steps, units);
      const sumsAt = hasState ? rowAt(sums, first, units) : 0;
      if (hasState) {
        const read = reading.ofStep(part, hAt);
        product(part, rows, read.address, read.step, weight.data.address, sumsAt);
      }
      // deno-fmt-ignore
      kernels.simpleRecurrent(
        rows, units, kind, step, next.rowStride, zAt, preAt, sumsAt, mask, steps,
        hAt, next.addresses[0], y,
      );
    },
    beginBackward: () => transpose(builder, units, units, weight.data.address, transposed.address),
    backward(part, [gradient]) {
      const { kernels, first, rows, hasState, y, mask } = part;
      const [zAt, preAt] = [stepAt(z, part, steps, units), stepAt(pre, part, steps, units)];
      const [dh, keptAt] = [rowAt(gradient, first, units), rowAt(kept, first, units)];
      // deno-fmt-ignore
      kernels.simpleRecurrentGradient(
        rows, units, kind, step, zAt, preAt, mask, steps, dh, y, keptAt,
      );
      if (!hasState) return;
      product(part, rows, zAt, step, transposed.address, dh);
      reading.backward(part, dh);
      if (kept !== undefined) kernels.add(rows * units, keptAt, dh);
    },
    weightGradient: (rows, to) => whole.weightGradient(rows * steps, reading.ofAll(rows), z, to),
  };
};
