import {
  planActivationLayer,
  planELU,
  planLeakyReLU,
  planReLU,
  planSoftmax,
} from "./activation.ts";
import { planDense } from "./dense.ts";
import { planFlatten, planIdentity, planReshape } from "./shape.ts";
import type { LayerPlanner } from "./types.ts";

/** How layers of TensorFlow.js are planned, by the static name of their class. */
export const layerPlanners: Readonly<Record<string, LayerPlanner>> = {
  Activation: planActivationLayer,
  Dense: planDense,
  ELU: planELU,
  Flatten: planFlatten,
  InputLayer: planIdentity,
  LeakyReLU: planLeakyReLU,
  ReLU: planReLU,
  Reshape: planReshape,
  Softmax: planSoftmax,
};
