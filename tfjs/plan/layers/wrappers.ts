import { isChanged, type LayerCall } from "../../forward.ts";
import { type Builder, NotPlanned, type Value } from "../builder.ts";
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
  const passes = [both.forwardLayer, both.backwardLayer].map((pass) => {
    if (isChanged(pass)) throw new NotPlanned("its layer is not that of TensorFlow.js");
    return planPass(pass, inputs, builder, true);
  });
  const sequences = passes.map(({ outputs }) => outputs[0]);
  const states = passes.flatMap(({ outputs }) => outputs.slice(1));
  const merged = mergeMode === null || mergeMode === undefined
    ? undefined
    : merges[mergeMode]({ axis: -1 }, sequences, builder, call);
  const all = merged === undefined ? passes : [...passes, merged];
  return {
    outputs: [...merged?.outputs ?? sequences, ...states],
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
