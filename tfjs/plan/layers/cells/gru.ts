import { kindOf } from "../../activations.ts";
import { multiply, multiplyStrided, transpose } from "../../matrices.ts";
import { PlanError } from "../../plan_error.ts";
import { reservePreActivations, rowAt, stepAt } from "./parts.ts";
import type { PlanCell } from "./types.ts";

/** Cell of `tf.layers.gru`. */
export const planGRU: PlanCell = (cell, builder, { steps, z, factors }) => {
  if (factors !== undefined) throw new PlanError("recurrentDropout of GRU is not compiled");
  const { kernels } = builder;
  const { units } = cell;
  const [width, step, zStep] = [3 * units, steps * units, steps * 3 * units];
  const [kind, gateKind] = [kindOf(cell.activation), kindOf(cell.recurrentActivation)];
  const weight = builder.weight(cell.recurrentKernel);
  const pre = reservePreActivations(cell, builder, zStep);
  // The state is multiplied by the weights of two gates, its product with r by those of the third.
  const [h, rh] = [step, step].map((size) => builder.perRow(size));
  const [two, one] = [2 * units, units].map((columns) => builder.fixed(units * columns));
  const sums = builder.perRow(2 * units);
  const [kept, d3, drh] = [units, units, units].map((size) => builder.perRow(size));
  const product = multiplyStrided(builder, units, 2 * units);
  const square = multiplyStrided(builder, units, units);
  const back = multiplyStrided(builder, 2 * units, units);
  const transposed = builder.fixed(weight.size);
  const [wholes, parts] = [
    [2, 1].map((gates) => multiply(builder, units, gates * units)),
    [2, 1].map((gates) => builder.perRow(steps * gates * units)),
  ];
  const split = (): void => {
    const { address } = weight.data;
    kernels.copyColumns(units, 2 * units, address, width, two.address, 2 * units);
    kernels.copyColumns(units, units, address + 8 * units, width, one.address, units);
  };
  return {
    states: [h],
    forward(part, next) {
      const { kernels, first, rows, hasState, y, mask } = part;
      const [zAt, preAt] = [stepAt(z, part, steps, width), stepAt(pre, part, steps, width)];
      const [hAt, rhAt] = [stepAt(h, part, steps, units), stepAt(rh, part, steps, units)];
      const sumsAt = hasState ? rowAt(sums, first, 2 * units) : 0;
      if (hasState) product(part, rows, hAt, step, two.address, sumsAt);
      kernels.gruGates(rows, units, gateKind, zStep, step, zAt, preAt, sumsAt, hAt, rhAt);
      if (hasState) square(part, rows, rhAt, step, one.address, sumsAt);
      // deno-fmt-ignore
      kernels.gruState(
        rows, units, kind, zStep, step, next.rowStride, zAt, preAt, sumsAt, mask, steps,
        hAt, next.addresses[0], y,
      );
    },
    beginForward: split,
    beginBackward: () => transpose(builder, units, width, weight.data.address, transposed.address),
    backward(part, [gradient]) {
      const { kernels, first, rows, hasState, y, mask } = part;
      const [zAt, preAt] = [stepAt(z, part, steps, width), stepAt(pre, part, steps, width)];
      const hAt = stepAt(h, part, steps, units);
      const [dh, keptAt] = [rowAt(gradient, first, units), rowAt(kept, first, units)];
      const [d3At, drhAt] = [rowAt(d3, first, units), rowAt(drh, first, units)];
      // deno-fmt-ignore
      kernels.gruStateGradient(
        rows, units, gateKind, kind, zStep, step, zAt, preAt, mask, steps, hAt, dh, y, d3At, keptAt,
      );
      // The transposed weights hold the rows of two gates, then those of the third.
      square(part, rows, d3At, units, transposed.address + 8 * units * units, drhAt);
      // deno-fmt-ignore
      kernels.gruGatesGradient(
        rows, units, gateKind, zStep, step, zAt, preAt, hAt, drhAt, keptAt,
      );
      if (!hasState) return;
      back(part, rows, zAt, zStep, transposed.address, dh);
      kernels.add(rows * units, keptAt, dh);
    },
    weightGradient(rows, to) {
      const M = rows * steps;
      [h, rh].forEach((states, i) => {
        const columns = i === 0 ? 2 * units : units;
        const [from, column] = [z.address + i * 8 * units, to.address + i * 8 * units];
        kernels.copyColumns(M, columns, from, width, parts[i].address, columns);
        const part = i === 0 ? two : one;
        wholes[i].weightGradient(M, states, parts[i], part);
        kernels.copyColumns(units, columns, part.address, columns, column, width);
      });
    },
  };
};
