import { needsInput } from "../../activations.ts";
import type { Builder } from "../../builder.ts";
import type { Block } from "../../graph.ts";
import type { CellStep, RecurrentCell } from "./types.ts";
import { indices } from "../rearrange.ts";

/** The states after their dropout. */
export function planStateDropout(
  builder: Builder,
  h: Block,
  [steps, units]: [number, number],
  factors: Block | undefined,
) {
  const size = steps * units;
  if (factors === undefined) {
    return {
      ofStep: (_: CellStep, address: number) => ({ address, step: size }),
      ofAll: (_: number) => h,
      backward: (_: CellStep, _dh: number) => {},
    };
  }
  const one = builder.perRow(units);
  const [all, spread] = [size, size].map((one) => builder.perRow(one));
  const map = builder.constants(indices([steps, units], [0, 1]));
  return {
    ofStep({ kernels, first, rows }: CellStep, from: number) {
      const address = rowAt(one, first, units);
      kernels.copyColumns(rows, units, from, size, address, units);
      kernels.multiply(rows * units, address, rowAt(factors, first, units), address);
      return { address, step: units };
    },
    ofAll(rows: number) {
      const { kernels } = builder;
      kernels.gather(rows, size, map.address, factors.address, units, spread.address);
      kernels.multiply(rows * size, h.address, spread.address, all.address);
      return all;
    },
    /** Multiply the gradient of some rows by the factors. */
    backward: ({ kernels, first, rows }: CellStep, dh: number) =>
      kernels.multiply(rows * units, dh, rowAt(factors, first, units), dh),
  };
}

/** Block for the pre-activations of the gates, if the gradients need them. */
export function reservePreActivations(
  cell: RecurrentCell,
  builder: Builder,
  size: number,
): Block | undefined {
  const isNeeded = builder.isTraining && needsInput(cell.activation, cell.recurrentActivation);
  return isNeeded ? builder.perRow(size) : undefined;
}

/**
 * Address of a time step of the first row; 0 without a block.
 *
 * @param steps number of time steps of a row
 * @param width values of a time step
 */
export function stepAt(
  block: Block | undefined,
  { first, time }: CellStep,
  steps: number,
  width: number,
): number {
  return block === undefined ? 0 : rowAt(block, first * steps + time, width);
}

/** Address of a row of `width` values; 0 without a block. */
export function rowAt(block: Block | undefined, row: number, width: number): number {
  return block === undefined ? 0 : block.address + row * width * 4;
}
