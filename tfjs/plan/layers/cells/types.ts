import type { Activation } from "../../activations.ts";
import type { Builder } from "../../builder.ts";
import type { Block, LayerVariable } from "../../graph.ts";
import type { PartOfRows } from "../../matrices.ts";

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

/** A time step of some rows. Addresses are those of the first of them. */
export interface CellStep extends PartOfRows {
  /** Index of the first row, a multiple of 4. */
  first: number;
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
  /** Called before the first `forward` of a batch. */
  beginForward?(): void;
  /** Called before the first `backward` of a batch. */
  beginBackward(): void;
  /** Replace the `stateGradients` of the rows after a time step by those before it. */
  backward(step: CellStep, stateGradients: Block[]): void;
  /** Compute the gradient of the recurrent weights. */
  weightGradient(rows: number, to: Block): void;
}

/** Plans a cell of a recurrent layer. */
export type PlanCell = (
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
