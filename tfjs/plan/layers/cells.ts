import { type Activation, kindOf, needsInput } from "../activations.ts";
import type { Builder } from "../builder.ts";
import type { Block, LayerVariable } from "../graph.ts";
import { multiply, multiplyStrided } from "../matrices.ts";
import { PlanError } from "../plan_error.ts";
import { indices } from "./rearrange.ts";

/** Cell of a recurrent layer of TensorFlow.js. */
export interface RecurrentCell {
  units: number;
  kernel: LayerVariable;
  recurrentKernel: LayerVariable;
  bias: LayerVariable | null;
  activation: Activation;
  recurrentActivation?: Activation;
  dropout: number;
  recurrentDropout: number;
  dropoutFunc?: unknown;
}

/** A time step of all rows. Addresses are those of the first row. */
export interface CellStep {
  rows: number;
  /** Index of the time step in the input. */
  time: number;
  /** Whether a time step precedes it. Otherwise, the state is zero. */
  hasState: boolean;
  /** Address of the output or its gradient in the sequence; 0 for none. */
  y: number;
  /** Address of the mask; 0 for none. Its rows have the length of the input. */
  mask: number;
}

/** Where a time step writes its states. */
export interface NextStates {
  /** Address of each state. */
  addresses: number[];
  /** Distance between rows, in values. */
  rowStride: number;
}

/**
 * A cell of a plan. Each row of a block holds all time steps. `z` holds the products of the inputs,
 * overwritten by the gates, then by the gradients of the products.
 */
export interface PlannedCell {
  /** The states before each time step. The first is the output. */
  states: Block[];
  /** Compute a time step. */
  forward(step: CellStep, next: NextStates): void;
  /** Called before the first `backward` of a batch. */
  beginBackward(): void;
  /** Replace `stateGradients` after a time step by those before it. */
  backward(step: CellStep, stateGradients: Block[]): void;
  /** Compute the gradient of the recurrent weights. */
  weightGradient(rows: number, to: Block): void;
}

type PlanCell = (
  cell: RecurrentCell,
  builder: Builder,
  input: {
    steps: number;
    z: Block;
    isMasked: boolean;
    /** Dropout factors of the states; undefined for none. */
    factors: Block | undefined;
  },
) => PlannedCell;

/** The states after their dropout. */
function planStateDropout(
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

const planLSTM: PlanCell = (cell, builder, { steps, z, isMasked, factors }) => {
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
    beginBackward: () => kernels.transpose(units, width, weight.data.address, transposed.address),
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

const planSimple: PlanCell = (cell, builder, { steps, z, isMasked, factors }) => {
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
    beginBackward: () => kernels.transpose(units, units, weight.data.address, transposed.address),
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

const planGRU: PlanCell = (cell, builder, { steps, z, factors }) => {
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
    forward({ rows, time, hasState, y, mask }, next) {
      if (!hasState) split();
      const [zAt, preAt] = [stepAt(z, time, width), stepAt(pre, time, width)];
      const [hAt, rhAt] = [stepAt(h, time, units), stepAt(rh, time, units)];
      const sumsAt = hasState ? sums.address : 0;
      if (hasState) product(rows, hAt, step, two.address, sums.address);
      kernels.gruGates(rows, units, gateKind, zStep, step, zAt, preAt, sumsAt, hAt, rhAt);
      if (hasState) square(rows, rhAt, step, one.address, sums.address);
      // deno-fmt-ignore
      kernels.gruState(
        rows, units, kind, zStep, step, next.rowStride, zAt, preAt, sumsAt, mask, steps,
        hAt, next.addresses[0], y,
      );
    },
    beginBackward: () => kernels.transpose(units, width, weight.data.address, transposed.address),
    backward({ rows, time, hasState, y, mask }, [dh]) {
      const [zAt, preAt, hAt] = [
        stepAt(z, time, width),
        stepAt(pre, time, width),
        stepAt(h, time, units),
      ];
      // deno-fmt-ignore
      kernels.gruStateGradient(
        rows, units, gateKind, kind, zStep, step, zAt, preAt, mask, steps,
        hAt, dh.address, y, d3.address, kept.address,
      );
      // The transposed weights hold the rows of two gates, then those of the third.
      square(rows, d3.address, units, transposed.address + 8 * units * units, drh.address);
      // deno-fmt-ignore
      kernels.gruGatesGradient(
        rows, units, gateKind, zStep, step, zAt, preAt, hAt, drh.address, kept.address,
      );
      if (!hasState) return;
      back(rows, zAt, zStep, transposed.address, dh.address);
      kernels.add(rows * units, kept.address, dh.address);
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

/** Planner and number of gates of each cell, by the `className` of its layer. */
export const cellPlanners: Readonly<Record<string, { gates: number; plan: PlanCell }>> = {
  GRU: { gates: 3, plan: planGRU },
  LSTM: { gates: 4, plan: planLSTM },
  SimpleRNN: { gates: 1, plan: planSimple },
};

/** Block for the pre-activations of the gates, if the gradients need them. */
function reservePreActivations(
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
function stepAt(block: Block | undefined, time: number, width: number): number {
  return block === undefined ? 0 : block.address + time * width * 4;
}
