import { kindOf } from "../../activations.ts";
import { multiply, multiplyStrided, transpose } from "../../matrices.ts";
import { planStateDropout, reservePreActivations, stepAt } from "./parts.ts";
import type { PlanCell } from "./types.ts";

/** Cell of `tf.layers.lstm`. */
export const planLSTM: PlanCell = (cell, builder, { steps, z, isMasked, factors }) => {
  const { kernels } = builder;
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
    forward({ rows, time, hasState, y, mask }, next) {
      const [zAt, hAt] = [stepAt(z, time, width), stepAt(h, time, units)];
      if (hasState) {
        const read = reading.ofStep(rows, hAt);
        product(rows, read.address, read.step, weight.data.address, sums.address);
      }
      // deno-fmt-ignore
      kernels.lstm(
        rows, units, gateKind, kind, zStep, step, next.rowStride,
        zAt, stepAt(pre, time, width), hasState ? sums.address : 0, mask, steps,
        hAt, stepAt(c, time, units), stepAt(active, time, units),
        next.addresses[0], next.addresses[1], y,
      );
    },
    beginBackward: () => transpose(builder, units, width, weight.data.address, transposed.address),
    backward({ rows, time, hasState, y, mask }, [dh, dc]) {
      const zAt = stepAt(z, time, width);
      // deno-fmt-ignore
      kernels.lstmGradient(
        rows, units, gateKind, kind, zStep, step, zAt, stepAt(pre, time, width), mask, steps,
        stepAt(c, time, units), stepAt(active, time, units),
        dh.address, dc.address, y, kept?.address ?? 0,
      );
      if (!hasState) return;
      back(rows, zAt, zStep, transposed.address, dh.address);
      reading.backward(rows, dh);
      if (kept !== undefined) kernels.add(rows * units, kept.address, dh.address);
    },
    weightGradient: (rows, to) => whole.weightGradient(rows * steps, reading.ofAll(rows), z, to),
  };
};
