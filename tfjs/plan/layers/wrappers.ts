import { isChanged, type LayerCall } from "../../forward.ts";
import { type Builder, PlanError, type Value } from "../builder.ts";
import { cellPlanners } from "./cells.ts";
import { planAdd, planAverage, planConcatenate, planMultiply } from "./merge.ts";
import { planPass, type Recurrent } from "./recurrent.ts";
import type { LayerPlanner, PlannedLayer } from "./types.ts";

const merges: Readonly<Record<string, LayerPlanner>> = {
  sum: planAdd,
  ave: planAverage,
  mul: planMultiply,
  concat: planConcatenate,
};

/** `tf.layers.bidirectional`. */
export function planBidirectional(
  layer: { forwardLayer: Recurrent; backwardLayer: Recurrent; mergeMode: string | null },
  inputs: Value[],
  builder: Builder,
  call: LayerCall,
): PlannedLayer {
  const { mergeMode, ...both } = layer;
  builder.addUse(inputs[0]);
  const passes = [both.forwardLayer, both.backwardLayer].map((pass, i) => {
    if (isChanged(pass)) throw new PlanError("its layer is not that of TensorFlow.js");
    return planPass(pass, inputs, builder, { call, firstDraw: 2 * i, keepsTimeOrder: true });
  });
  const sequences = passes.map(({ outputs }) => outputs[0]);
  const states = passes.flatMap(({ outputs }) => outputs.slice(1));
  const merged = mergeMode === null || mergeMode === undefined
    ? undefined
    : merges[mergeMode]({ axis: -1 }, sequences, builder, call);
  const all = merged === undefined ? passes : [...passes, merged];
  const outputs = merged?.outputs ?? sequences;
  const { mask } = inputs[0];
  return {
    outputs: [...outputs, ...states],
    masks: both.forwardLayer.returnSequences ? outputs.map(() => mask) : [],
    operation: {
      forward(rows) {
        for (const { operation } of all) operation.forward(rows);
      },
      backward(rows) {
        for (const { operation } of all.toReversed()) operation.backward?.(rows);
      },
    },
  };
}

/** Layers that compute something else of all steps together, or draw anew in each. */
const unsupported = new Set([
  "BatchNormalization",
  "Bidirectional",
  "Dropout",
  "SpatialDropout1D",
  "AlphaDropout",
])
  .add("GaussianDropout").add("GaussianNoise");

/** `tf.layers.timeDistributed`: the steps of a row as rows of their own. */
export function planTimeDistributed(
  planLayer: LayerPlanner,
  { layer }: { layer: { constructor: { className?: string } } },
  [input]: Value[],
  builder: Builder,
  call: LayerCall,
): PlannedLayer {
  const { className = "" } = layer.constructor;
  if (unsupported.has(className)) throw new PlanError(`a distributed ${className} is not compiled`);
  const [steps, ...shape] = input.shape;
  const gradient = builder.gradientOf(input);
  const { mask, ...unmasked } = input;
  const step: Value = {
    ...unmasked,
    shape,
    size: input.size / steps,
    gradient: gradient ?? input.gradient,
  };
  const { outputs: [output], operation } = builder.withRowFactor(
    steps,
    () => planLayer(layer, [step], builder, call),
  );
  // TensorFlow.js hands the mask of the steps to the layer, which takes it for one of its own steps.
  if (mask !== undefined && (layer as { supportsMasking?: boolean }).supportsMasking) {
    const takes = className in cellPlanners || className === "Bidirectional";
    if (takes) throw new PlanError(`a distributed ${className} with a mask is not compiled`);
  }
  const { forward, backward } = operation;
  return {
    outputs: [{ ...output, shape: [steps, ...output.shape], size: output.size * steps }],
    operation: {
      forward: (rows) => forward(rows * steps),
      backward: backward && ((rows) => backward(rows * steps)),
    },
  };
}
