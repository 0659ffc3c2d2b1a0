import { isChanged, type LayerCall } from "../../forward.ts";
import type { Builder } from "../builder.ts";
import type { Block, Value } from "../graph.ts";
import { multiply, stridedScratch } from "../matrices.ts";
import { PlanError } from "../plan_error.ts";
import type { CellStep, RecurrentCell } from "./cells/types.ts";
import { cellPlanners } from "./cells/mod.ts";
import { planDropoutFactors, planInputDropout } from "./recurrent_dropout.ts";
import type { PlannedLayer } from "./types.ts";

/** `tf.layers.lstm`, `gru` or `simpleRNN`. */
export interface Recurrent {
  constructor: { className?: string };
  cell: RecurrentCell;
  returnSequences: boolean;
  returnState: boolean;
  goBackwards: boolean;
  stateful: boolean;
  numConstants?: number | null;
}

/** `tf.layers.lstm`, `tf.layers.gru` and `tf.layers.simpleRNN`. */
export function planRecurrent(
  layer: Recurrent,
  inputs: Value[],
  builder: Builder,
  call: LayerCall,
): PlannedLayer {
  return planPass(layer, inputs, builder, { call, firstDraw: 0, isReversed: false });
}

/** Options of one pass over the time steps. */
interface Pass {
  call: LayerCall;
  /** Index of the pass's first draw of noise within the call. */
  firstDraw: number;
  /** Whether the output sequence is in the reverse order of computation. */
  isReversed: boolean;
}

/** Plan one pass of a recurrent layer over the time steps. */
export function planPass(
  layer: Recurrent,
  inputs: Value[],
  builder: Builder,
  { call, firstDraw, isReversed }: Pass,
): PlannedLayer {
  checkSupported(layer, inputs);
  const { kernels, share } = builder;
  const { cell } = layer;
  const [input, ...initial] = inputs;
  const [steps, size] = input.shape;
  const { mask } = input;
  const { units } = cell;
  const { gates, plan } = cellPlanners[layer.constructor.className as string];
  const width = gates * units;
  const kernel = builder.weight(cell.kernel);
  const bias = cell.bias ? builder.weight(cell.bias) : undefined;
  const recurrent = builder.weight(cell.recurrentKernel);
  const from = [input, ...initial, kernel, recurrent, bias];
  const z = builder.perRow(steps * width);
  const product = multiply(builder, size, width);
  const draw = (rate: number, count: number, part: number) =>
    planDropoutFactors(cell, rate, count, builder, () => builder.noise(call, firstDraw + part));
  const [inputDraw, stateDraw] = [
    draw(cell.dropout, size, 0),
    draw(cell.recurrentDropout, units, 1),
  ];
  const read = planInputDropout(input, inputDraw, builder);
  const planned = plan(cell, builder, {
    steps,
    z,
    isMasked: mask !== undefined,
    factors: stateDraw?.factors,
  });
  const { states } = planned;
  const last = states.map(() => builder.perRow(units));
  const output = builder.value(layer.returnSequences ? [steps, units] : [units], from);
  const outputs = [output];
  if (layer.returnState) outputs.push(...states.map(() => builder.value([units], from)));
  // For each state, the outputs that hold its last value.
  const lastValueOutputs = states.map((_, i) => {
    const all = layer.returnState ? [outputs[i + 1]] : [];
    return i === 0 && !layer.returnSequences ? [output, ...all] : all;
  });
  const stateGradients = builder.isTraining ? states.map(() => builder.perRow(units)) : [];

  const inputGradient = builder.gradientOf(input);
  const initialGradients = initial.map((state) => builder.gradientOf(state));
  const hasState = (step: number) => step > 0 || initial.length > 0;
  const kernelGradient = builder.weightGradientOf(kernel);
  const recurrentGradient = builder.weightGradientOf(recurrent);
  const biasGradient = bias && builder.weightGradientOf(bias);

  const scratchSize = stridedScratch(width);
  const scratch = builder.scratch(scratchSize);
  /** Compute all time steps; threads compute different rows. */
  const shareRows = (rows: number, compute: (part: CellStep) => void): void => {
    const start = { time: 0, hasState: false, y: 0, mask: 0 };
    const ofStep = rows * units * width;
    const multiplyAdds = steps * ofStep;
    // The products of a large step are shared by columns, since each part of the rows reads all
    // weights.
    if (multiplyAdds < share.least || ofStep >= share.least) {
      return compute({ kernels, scratch: scratch.address, first: 0, rows, ...start });
    }
    const work = { count: rows, unit: 4, multiplyAdds, scratchSize, partSize: 64 };
    share.run(work, scratch.address, (first, end, kernels, scratch) => {
      compute({ kernels, scratch, first, rows: end - first, ...start });
    });
  };

  const timeOf = (step: number) => layer.goBackwards ? steps - 1 - step : step;
  const maskOf = (step: number, row: number) =>
    mask === undefined ? 0 : mask.address + (row * steps + timeOf(step)) * 4;
  /** Address of a time step in the output sequence or its gradient; 0 for none. */
  const addressAt = (step: number, row: number, block: Block): number => {
    if (!layer.returnSequences || !block.isReserved) return 0;
    return block.address + (row * steps + (isReversed ? steps - 1 - step : step)) * units * 4;
  };
  return {
    outputs,
    masks: layer.returnSequences ? [mask] : [],
    operation: {
      forward(rows) {
        const biasAt = bias?.data.address ?? 0;
        stateDraw?.run(rows);
        read.forward(rows);
        product.forward(rows * steps, read.data, kernel.data, z, biasAt, false);
        for (const { address } of states) kernels.zero(rows * steps * units, address);
        initial.forEach(({ data }, i) => {
          const to = states[i].address + timeOf(0) * units * 4;
          kernels.copyColumns(rows, units, data.address, units, to, steps * units);
        });
        planned.beginForward?.();
        shareRows(rows, (part) => {
          const { first } = part;
          for (let step = 0; step < steps; step++) {
            const isLast = step === steps - 1;
            const next = isLast ? last : states;
            const rowStride = isLast ? units : steps * units;
            const offset = (first * rowStride + (isLast ? 0 : timeOf(step + 1) * units)) * 4;
            part.time = timeOf(step);
            part.hasState = hasState(step);
            part.y = addressAt(step, first, output.data);
            part.mask = maskOf(step, first);
            const addresses = next.map(({ address }) => address + offset);
            planned.forward(part, { addresses, rowStride });
          }
        });
        lastValueOutputs.forEach((all, i) => {
          for (const { data } of all) kernels.copy(rows * units, last[i].address, data.address);
        });
      },
      backward(rows) {
        lastValueOutputs.forEach((all, i) => {
          kernels.zero(rows * units, stateGradients[i].address);
          // An unread output has no gradient.
          for (const { gradient } of all) {
            if (!gradient.isReserved) continue;
            kernels.add(rows * units, gradient.address, stateGradients[i].address);
          }
        });
        planned.beginBackward();
        shareRows(rows, (part) => {
          for (let step = steps - 1; step >= 0; step--) {
            part.time = timeOf(step);
            part.hasState = hasState(step);
            part.y = addressAt(step, part.first, output.gradient);
            part.mask = maskOf(step, part.first);
            planned.backward(part, stateGradients);
          }
        });
        initialGradients.forEach((to, i) => {
          if (to) kernels.copy(rows * units, stateGradients[i].address, to.address);
        });
        const M = rows * steps;
        if (kernelGradient) product.weightGradient(M, read.data, z, kernelGradient);
        if (recurrentGradient) planned.weightGradient(rows, recurrentGradient);
        if (biasGradient) kernels.columnSums(M, width, z.address, biasGradient.address);
        if (inputGradient) {
          product.inputGradient(M, z, kernel.data, inputGradient);
          read.backward(rows, inputGradient);
        }
      },
    },
  };
}

function checkSupported(layer: Recurrent, inputs: Value[]): void {
  if (layer.numConstants) throw new PlanError("constants of a recurrent layer are not compiled");
  if (layer.stateful) throw new PlanError("a stateful layer is not compiled");
  if (inputs[0].mask !== undefined && inputs[0].mask.size !== inputs[0].shape[0]) {
    throw new PlanError("a mask that does not match the time steps is not compiled");
  }
  if (isChanged(layer.cell)) throw new PlanError("its cell is not one of TensorFlow.js");
}
