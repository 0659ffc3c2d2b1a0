import { isChanged } from "../../forward.ts";
import { PlanError } from "../plan_error.ts";
import {
  planActivationLayer,
  planELU,
  planLeakyReLU,
  planPReLU,
  planReLU,
  planSoftmax,
  planThresholdedReLU,
} from "./activation.ts";
import { planConvolution, planTransposedConvolution } from "./convolution.ts";
import { planDense } from "./dense.ts";
import { planDepthwise, planSeparable } from "./depthwise.ts";
import { planDot } from "./dot.ts";
import { planEmbedding, planMasking } from "./embedding.ts";
import { planCropping, planUpSampling, planZeroPadding } from "./image.ts";
import {
  planAdd,
  planAverage,
  planConcatenate,
  planMaximum,
  planMinimum,
  planMultiply,
} from "./merge.ts";
import {
  planAlphaDropout,
  planDropout,
  planGaussianDropout,
  planGaussianNoise,
  planSpatialDropout1D,
} from "./noise.ts";
import { planBatchNormalization, planLayerNormalization } from "./normalization.ts";
import {
  planAveragePooling,
  planGlobalAveragePooling,
  planGlobalMaxPooling,
  planMaxPooling,
} from "./pooling.ts";
import { planPermute, planRepeatVector } from "./rearrange.ts";
import { planRecurrent } from "./recurrent.ts";
import { planFlatten, planIdentity, planReshape } from "./shape.ts";
import type { LayerPlanner } from "./types.ts";
import { planBidirectional, planTimeDistributed } from "./wrappers.ts";

/** Planners of TensorFlow.js's layers, by the `className` of the class. */
export const layerPlanners: Readonly<Record<string, LayerPlanner>> = {
  Activation: planActivationLayer,
  Add: planAdd,
  AlphaDropout: planAlphaDropout,
  Average: planAverage,
  AveragePooling1D: planAveragePooling,
  AveragePooling2D: planAveragePooling,
  BatchNormalization: planBatchNormalization,
  Bidirectional: planBidirectional,
  Concatenate: planConcatenate,
  Conv1D: planConvolution,
  Conv2D: planConvolution,
  Conv2DTranspose: planTransposedConvolution,
  Cropping2D: planCropping,
  Dense: planDense,
  DepthwiseConv2D: planDepthwise,
  Dot: planDot,
  Dropout: planDropout,
  ELU: planELU,
  Embedding: planEmbedding,
  Flatten: planFlatten,
  GRU: planRecurrent,
  GaussianDropout: planGaussianDropout,
  GaussianNoise: planGaussianNoise,
  GlobalAveragePooling1D: planGlobalAveragePooling,
  GlobalAveragePooling2D: planGlobalAveragePooling,
  GlobalMaxPooling1D: planGlobalMaxPooling,
  GlobalMaxPooling2D: planGlobalMaxPooling,
  InputLayer: planIdentity,
  LSTM: planRecurrent,
  LayerNormalization: planLayerNormalization,
  LeakyReLU: planLeakyReLU,
  Masking: planMasking,
  MaxPooling1D: planMaxPooling,
  MaxPooling2D: planMaxPooling,
  Maximum: planMaximum,
  Minimum: planMinimum,
  Multiply: planMultiply,
  PReLU: planPReLU,
  Permute: planPermute,
  ReLU: planReLU,
  RepeatVector: planRepeatVector,
  Reshape: planReshape,
  SeparableConv2D: planSeparable,
  SimpleRNN: planRecurrent,
  Softmax: planSoftmax,
  SpatialDropout1D: planSpatialDropout1D,
  ThresholdedReLU: planThresholdedReLU,
  TimeDistributed: (...args) => planTimeDistributed(planLayer, ...args),
  UpSampling2D: planUpSampling,
  ZeroPadding2D: planZeroPadding,
};

/**
 * Plan a call of a layer.
 *
 * @throws PlanError when the layer or its configuration is not supported
 */
export const planLayer: LayerPlanner = (layer, inputs, builder, call) => {
  const { className } = layer.constructor as { className?: string };
  const name = className ?? layer.constructor.name;
  const isKnown = Object.hasOwn(layer.constructor, "className") &&
    Object.hasOwn(layerPlanners, name) && !isChanged(layer);
  if (!isKnown) throw new PlanError(`the layer ${layer.name} (${name}) is not compiled`);
  try {
    return layerPlanners[name](layer, inputs, builder, call);
  } catch (error) {
    if (!(error instanceof PlanError)) throw error;
    throw new PlanError(`${error.message} (layer ${layer.name})`);
  }
};
