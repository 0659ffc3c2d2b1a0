import { kindOf } from "../../activations.ts";
import { multiply, multiplyStrided, transpose } from "../../matrices.ts";
import { planStateDropout, reservePreActivations, rowAt, stepAt } from "./parts.ts";
import type { PlanCell } from "./types.ts";

/** Cell of `tf.layers.lstm`. */
export const planLSTM: PlanCell = (cell, builder, { steps, z, isMasked, factors }) => {
  const { units } = cell;
  const [width, step, zStep] = [4 * units, steps * units, steps * 4 * units];
  const [kind, gateKind] = [kindOf(cell.activation), kindOf(cell.recurrentActivation)];
  const weight = builder.weight(cell.recurrentKernel);
  const pre = reservePreActivations(cell, builder, zStep);
  const [h, c, active] = [step, step, step].map((size) => builder.perRow(size));
  const sums = builder.perRow(width);
  const kept = isMasked ? builder.perRow(units) : undefined;
  const product = multiplyStrided(builder, units, width);
  const back = multiplyStrided(builder, width, units);
  const transposed = builder.fixed(weight.size);
  const whole = multiply(builder, units, width);
  const reading = planStateDropout(builder, h, [steps, units], factors);
  return {
    states: [h, c],
    forward(part, next) {
      const { kernels, first, rows, hasState, y, mask } = part;
      const [zAt, preAt] = [stepAt(z, part, steps, width), stepAt(pre, part, steps, width)];
      const [hAt, cAt] = [stepAt(h, part, steps, units), stepAt(c, part, steps, units)];
      const activeAt = stepAt(active, part, steps, units);
      const sumsAt = hasState ? rowAt(sums, first, width) : 0;
      if (hasState) {
        const read = reading.ofStep(part, hAt);
        product(part, rows, read.address, read.step, weight.data.address, sumsAt);
      }
      // deno-fmt-ignore
      kernels.lstm(
        rows, units, gateKind, kind, zStep, step, next.rowStride, zAt, preAt, sumsAt, mask, steps,
        hAt, cAt, activeAt, next.addresses[0], next.addresses[1], y,
      );
    },
    beginBackward: () => transpose(builder, units, width, weight.data.address, transposed.address),
    backward(part, gradients) {
      const { kernels, first, rows, hasState, y, mask } = part;
      const [zAt, preAt] = [stepAt(z, part, steps, width), stepAt(pre, part, steps, width)];
      const [cAt, activeAt] = [stepAt(c, part, steps, units), stepAt(active, part, steps, units)];
      const [dh, dc] = [rowAt(gradients[0], first, units), rowAt(gradients[1], first, units)];
      const keptAt = rowAt(kept, first, units);
      // deno-fmt-ignore
      kernels.lstmGradient(
        rows, units, gateKind, kind, zStep, step, zAt, preAt, mask, steps, cAt, activeAt,
        dh, dc, y, keptAt,
      );
      if (!hasState) return;
      back(part, rows, zAt, zStep, transposed.address, dh);
      reading.backward(part, dh);
      if (kept !== undefined) kernels.add(rows * units, keptAt, dh);
    },
    weightGradient: (rows, to) => whole.weightGradient(rows * steps, reading.ofAll(rows), z, to),
  };
};
