import type * as tfjs from "@tensorflow/tfjs";

type Layer = tfjs.layers.Layer;

/** Members of a 2D convolution layer that its type hides. */
interface ConvLayer extends Layer {
  kernel: { read(): tfjs.Tensor4D };
  bias: { read(): tfjs.Tensor1D } | null;
  strides: [number, number];
  dilationRate: [number, number];
  padding: "same" | "valid" | "causal";
  dataFormat: "channelsFirst" | "channelsLast";
  activation: { apply(x: tfjs.Tensor): tfjs.Tensor } | null;
}

const patched = new WeakSet<object>();

/**
 * Make layers with dilated convolutions train with `tf.conv2d`. tfjs's own use `tf.fused.conv2d`,
 * whose gradient is in no registry and rejects dilations.
 */
export function unfuseDilatedLayers(tf: typeof tfjs): void {
  const [Conv2D] = tf.serialization.SerializationMap.getMap().classNameMap.Conv2D;
  const prototype = Conv2D.prototype as ConvLayer;
  if (patched.has(prototype)) return;
  patched.add(prototype);
  const { call } = prototype;
  prototype.call = function (this: ConvLayer, inputs, kwargs) {
    const trains = tf.engine().state.gradientDepth > 0;
    const dilates = this.dilationRate.some((rate) => rate > 1);
    if (!trains || !dilates || this.padding === "causal") return call.call(this, inputs, kwargs);
    return tf.tidy(() => convolve(tf, this, [inputs].flat()[0] as tfjs.Tensor4D));
  };
}

function convolve(tf: typeof tfjs, layer: ConvLayer, input: tfjs.Tensor4D): tfjs.Tensor {
  const first = layer.dataFormat === "channelsFirst";
  const x = first ? tf.transpose(input, [0, 2, 3, 1]) : input;
  const { kernel, strides, padding, dilationRate, bias, activation } = layer;
  const pad = padding === "same" ? "same" : "valid";
  let y: tfjs.Tensor = tf.conv2d(x, kernel.read(), strides, pad, "NHWC", dilationRate);
  if (bias) y = tf.add(y, bias.read());
  if (first) y = tf.transpose(y, [0, 3, 1, 2]);
  return activation ? activation.apply(y) : y;
}
