import {
  planActivationLayer,
  planELU,
  planLeakyReLU,
  planReLU,
  planSoftmax,
} from "./activation.ts";
import { planDense } from "./dense.ts";
import {
  planAdd,
  planAverage,
  planConcatenate,
  planMaximum,
  planMinimum,
  planMultiply,
} from "./merge.ts";
import { planPermute, planRepeatVector } from "./rearrange.ts";
import { planFlatten, planIdentity, planReshape } from "./shape.ts";
import type { LayerPlanner } from "./types.ts";

/** How layers of TensorFlow.js are planned, by the static name of their class. */
export const layerPlanners: Readonly<Record<string, LayerPlanner>> = {
  Activation: planActivationLayer,
  Add: planAdd,
  Average: planAverage,
  Concatenate: planConcatenate,
  Dense: planDense,
  ELU: planELU,
  Flatten: planFlatten,
  InputLayer: planIdentity,
  LeakyReLU: planLeakyReLU,
  Maximum: planMaximum,
  Minimum: planMinimum,
  Multiply: planMultiply,
  Permute: planPermute,
  ReLU: planReLU,
  RepeatVector: planRepeatVector,
  Reshape: planReshape,
  Softmax: planSoftmax,
};
