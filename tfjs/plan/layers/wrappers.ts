import { isChanged, type LayerCall } from "../../forward.ts";
import type { Builder } from "../builder.ts";
import type { Value } from "../graph.ts";
import { PlanError } from "../plan_error.ts";
import { cellPlanners } from "./cells/mod.ts";
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
  if (inputs.length > 1) throw new PlanError("an initial state of both directions is not compiled");
  builder.addUse(inputs[0]);
  const passes = [both.forwardLayer, both.backwardLayer].map((pass, i) => {
    if (isChanged(pass)) {
      throw new PlanError("a layer inside Bidirectional is not one of TensorFlow.js");
    }
    return planPass(pass, inputs, builder, { call, firstDraw: 2 * i, isReversed: i === 1 });
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

/** Layers that depend on all rows of a batch, or draw separate noise in each time step. */
const unsupported = new Set([
  "BatchNormalization",
  "Bidirectional",
  "Dropout",
  "SpatialDropout1D",
  "AlphaDropout",
])
  .add("GaussianDropout").add("GaussianNoise");

/** `tf.layers.timeDistributed`: each time step becomes a row of the inner layer. */
export function planTimeDistributed(
  planLayer: LayerPlanner,
  { layer }: { layer: { constructor: { className?: string } } },
  [input]: Value[],
  builder: Builder,
  call: LayerCall,
): PlannedLayer {
  const { className = "" } = layer.constructor;
  if (unsupported.has(className)) {
    throw new PlanError(`TimeDistributed ${className} is not compiled`);
  }
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
  // TensorFlow.js passes the mask on, which the inner layer would mistake for that of its own
  // steps.
  if (mask !== undefined && (layer as { supportsMasking?: boolean }).supportsMasking) {
    const readsMask = className in cellPlanners || className === "Bidirectional";
    if (readsMask) throw new PlanError(`TimeDistributed ${className} with a mask is not compiled`);
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
