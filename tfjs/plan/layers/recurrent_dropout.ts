import { dropLimit, keepFactor, type NoiseKey } from "../../noise.ts";
import type { Builder } from "../builder.ts";
import type { Block, Value } from "../graph.ts";
import { PlanError } from "../plan_error.ts";
import type { RecurrentCell } from "./cells/types.ts";
import { indices } from "./rearrange.ts";

/** Dropout of a cell: factors of each row, shared by all time steps. */
export function planDropoutFactors(
  cell: RecurrentCell,
  rate: number,
  count: number,
  builder: Builder,
  noise: () => () => NoiseKey,
) {
  if (!builder.isTraining || !(0 < rate && rate < 1)) return undefined;
  if (cell.dropoutFunc) throw new PlanError("a dropoutFunc is not compiled");
  const keyOf = noise();
  const factors = builder.perRow(count);
  const run = (rows: number): void => {
    const { first, second } = keyOf();
    const [limit, factor] = [dropLimit(rate), keepFactor(rate)];
    builder.kernels.dropout(rows * count, first, second, limit, factor, 0, factors.address);
  };
  return { factors, run };
}

/** The input after its dropout. */
export function planInputDropout(
  { data, shape: [steps, count], size }: Value,
  draw: ReturnType<typeof planDropoutFactors>,
  builder: Builder,
) {
  const { kernels } = builder;
  if (draw === undefined) return { data, forward: () => {}, backward: () => {} };
  const map = builder.constants(indices([steps, count], [0, 1]));
  const [spread, dropped] = [size, size].map((one) => builder.perRow(one));
  return {
    data: dropped,
    forward(rows: number) {
      draw.run(rows);
      kernels.gather(rows, size, map.address, draw.factors.address, count, spread.address);
      kernels.multiply(rows * size, data.address, spread.address, dropped.address);
    },
    backward: (rows: number, gradient: Block) =>
      kernels.multiply(rows * size, gradient.address, spread.address, gradient.address),
  };
}
