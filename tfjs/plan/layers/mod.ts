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
import { eitherChannels } from "./channels.ts";
import { planConvolution, planTransposedConvolution } from "./convolution.ts";
import { planDense } from "./dense.ts";
import { planDepthwise, planSeparable } from "./depthwise.ts";
import { planDot } from "./dot.ts";
import { planEmbedding, planMasking } from "./embedding.ts";
import { planCropping, planUpSampling, planZeroPadding } from "./image.ts";
import {
  broadcasting,
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
  planAveragePooling3D,
  planGlobalAveragePooling,
  planGlobalMaxPooling,
  planMaxPooling,
  planMaxPooling3D,
} from "./pooling.ts";
import { planRescaling } from "./rescaling.ts";
import { planPermute, planRepeatVector } from "./rearrange.ts";
import { planRecurrent } from "./recurrent.ts";
import { planFlatten, planIdentity, planReshape } from "./shape.ts";
import type { LayerPlanner } from "./types.ts";
import { checkWhole } from "./whole.ts";
import { planBidirectional, planTimeDistributed } from "./wrappers.ts";

/** Planners of TensorFlow.js's layers, by the `className` of the class. */
export const layerPlanners: Readonly<Record<string, LayerPlanner>> = {
  Activation: planActivationLayer,
  Add: broadcasting(planAdd),
  AlphaDropout: planAlphaDropout,
  Average: broadcasting(planAverage),
  AveragePooling1D: planAveragePooling,
  AveragePooling2D: eitherChannels(planAveragePooling),
  AveragePooling3D: eitherChannels(planAveragePooling3D),
  BatchNormalization: planBatchNormalization,
  Bidirectional: planBidirectional,
  Concatenate: planConcatenate,
  Conv1D: planConvolution,
  Conv2D: eitherChannels(planConvolution),
  Conv2DTranspose: eitherChannels(planTransposedConvolution),
  Conv3D: eitherChannels(planConvolution),
  Conv3DTranspose: eitherChannels(planTransposedConvolution),
  Cropping2D: eitherChannels(planCropping),
  Dense: planDense,
  DepthwiseConv2D: eitherChannels(planDepthwise),
  Dot: planDot,
  Dropout: planDropout,
  ELU: planELU,
  Embedding: planEmbedding,
  Flatten: planFlatten,
  GRU: planRecurrent,
  GaussianDropout: planGaussianDropout,
  GaussianNoise: planGaussianNoise,
  GlobalAveragePooling1D: planGlobalAveragePooling,
  GlobalAveragePooling2D: eitherChannels(planGlobalAveragePooling),
  GlobalMaxPooling1D: planGlobalMaxPooling,
  GlobalMaxPooling2D: eitherChannels(planGlobalMaxPooling),
  InputLayer: planIdentity,
  LSTM: planRecurrent,
  LayerNormalization: planLayerNormalization,
  LeakyReLU: planLeakyReLU,
  Masking: planMasking,
  MaxPooling1D: planMaxPooling,
  MaxPooling2D: eitherChannels(planMaxPooling),
  MaxPooling3D: eitherChannels(planMaxPooling3D),
  Maximum: planMaximum,
  Minimum: planMinimum,
  Multiply: broadcasting(planMultiply),
  PReLU: planPReLU,
  Permute: planPermute,
  ReLU: planReLU,
  Rescaling: planRescaling,
  RepeatVector: planRepeatVector,
  Reshape: planReshape,
  SeparableConv2D: eitherChannels(planSeparable),
  SimpleRNN: planRecurrent,
  Softmax: planSoftmax,
  SpatialDropout1D: planSpatialDropout1D,
  ThresholdedReLU: planThresholdedReLU,
  TimeDistributed: (...args) => planTimeDistributed(planLayer, ...args),
  UpSampling2D: eitherChannels(planUpSampling),
  ZeroPadding2D: eitherChannels(planZeroPadding),
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
    const planned = layerPlanners[name](layer, inputs, builder, call);
    checkWhole(name, layer, inputs, planned.outputs);
    return planned;
  } catch (error) {
    if (!(error instanceof PlanError)) throw error;
    throw new PlanError(`${error.message} (layer ${layer.name})`);
  }
};
