import { needsInput } from "../../activations.ts";
import type { Builder } from "../../builder.ts";
import type { Block } from "../../graph.ts";
import type { RecurrentCell } from "./types.ts";
import { indices } from "../rearrange.ts";

/** The states after their dropout. */
export function planStateDropout(
  builder: Builder,
  h: Block,
  [steps, units]: [number, number],
  factors: Block | undefined,
) {
  const { kernels } = builder;
  const size = steps * units;
  if (factors === undefined) {
    return {
      ofStep: (_: number, address: number) => ({ address, step: size }),
      ofAll: (_: number) => h,
      backward: (_: number, _dh: Block) => {},
    };
  }
  const one = builder.perRow(units);
  const [all, spread] = [size, size].map((one) => builder.perRow(one));
  const map = builder.constants(indices([steps, units], [0, 1]));
  return {
    ofStep(rows: number, address: number) {
      kernels.copyColumns(rows, units, address, size, one.address, units);
      kernels.multiply(rows * units, one.address, factors.address, one.address);
      return { address: one.address, step: units };
    },
    ofAll(rows: number) {
      kernels.gather(rows, size, map.address, factors.address, units, spread.address);
      kernels.multiply(rows * size, h.address, spread.address, all.address);
      return all;
    },
    /** Multiply the gradient by the factors. */
    backward: (rows: number, dh: Block) =>
      kernels.multiply(rows * units, dh.address, factors.address, dh.address),
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
 * Address of a time step; 0 without a block.
 *
 * @param width values of a time step
 */
export function stepAt(block: Block | undefined, time: number, width: number): number {
  return block === undefined ? 0 : block.address + time * width * 4;
}
