import type * as tfjs from "@tensorflow/tfjs";

/** Padding of a stride-one convolution along each spatial dimension. */
interface Layout {
  taps: number[];
  dilations: number[];
  /** Zeros before the first pixel. */
  before: number[];
  inSize: number[];
  outSize: number[];
}

type GradFunc = tfjs.GradConfig["gradFunc"];

/**
 * Gradients of dilated convolutions, which tfjs rejects on all backends. They are convolutions
 * themselves: the gradient of the input convolves the output's gradient with the rotated filter and
 * the same dilation; that of the filter has the dilation as stride. Without dilations, tfjs's own
 * gradient runs.
 */
export const dilatedGradients: Record<string, (tf: typeof tfjs, theirs: GradFunc) => GradFunc> = {
  Conv2D: (tf, theirs) => (dy, saved, attrs) => {
    if (!dilates(attrs)) return theirs(dy, saved, attrs);
    const first = attrs.dataFormat === "NCHW";
    const toBack = (x: tfjs.Tensor) => first ? tf.transpose(x, [0, 2, 3, 1]) : x;
    const [x, filter] = saved;
    const layout = layout2D(tf, saved, attrs);
    return {
      x: () => {
        const dx = inputGradient(tf, toBack(dy as tfjs.Tensor), filter, layout);
        return first ? tf.transpose(dx, [0, 3, 1, 2]) : dx;
      },
      filter: () => filterGradient(tf, toBack(x), toBack(dy as tfjs.Tensor), layout),
    };
  },
  Conv3D: (tf, theirs) => (dy, saved, attrs) => {
    if (!dilates(attrs)) return theirs(dy, saved, attrs);
    const [x, filter] = saved;
    const layout = layout3D(tf, saved, attrs);
    return {
      x: () => inputGradient(tf, dy as tfjs.Tensor, filter, layout),
      filter: () => filterGradient(tf, x, dy as tfjs.Tensor, layout),
    };
  },
  DepthwiseConv2dNative: (tf, theirs) => (dy, saved, attrs) => {
    // tfjs mistakes channels first for channels last here.
    if (!dilates(attrs) || attrs.dataFormat === "NCHW") return theirs(dy, saved, attrs);
    const [x, filter] = saved as [tfjs.Tensor4D, tfjs.Tensor4D];
    const layout = layout2D(tf, saved, attrs);
    return {
      x: () => depthwiseInputGradient(tf, dy as tfjs.Tensor4D, filter, layout),
      filter: () => depthwiseFilterGradient(tf, x, dy as tfjs.Tensor4D, layout),
    };
  },
};

/** tfjs's convolutions reject strides combined with dilations, so its gradients handle them. */
function dilates({ strides, dilations }: tfjs.NamedAttrMap): boolean {
  const ones = (steps: unknown) => [steps ?? 1].flat().every((step) => step === 1);
  return ones(strides) && !ones(dilations);
}

function layout2D(
  tf: typeof tfjs,
  [x, filter]: tfjs.Tensor[],
  { dilations, pad, dimRoundingMode, dataFormat }: tfjs.NamedAttrMap,
): Layout {
  const info = tf.backend_util.computeConv2DInfo(
    x.shape as [number, number, number, number],
    filter.shape as [number, number, number, number],
    1,
    dilations as [number, number],
    pad as "valid",
    dimRoundingMode as "floor",
    false,
    dataFormat === "NCHW" ? "channelsFirst" : "channelsLast",
  );
  return {
    taps: [info.filterHeight, info.filterWidth],
    dilations: [info.dilationHeight, info.dilationWidth],
    before: [info.padInfo.top, info.padInfo.left],
    inSize: [info.inHeight, info.inWidth],
    outSize: [info.outHeight, info.outWidth],
  };
}

function layout3D(
  tf: typeof tfjs,
  [x, filter]: tfjs.Tensor[],
  { dilations, pad }: tfjs.NamedAttrMap,
): Layout {
  const info = tf.backend_util.computeConv3DInfo(
    x.shape as [number, number, number, number, number],
    filter.shape as [number, number, number, number, number],
    1,
    dilations as [number, number, number],
    pad as "valid",
  );
  return {
    taps: [info.filterDepth, info.filterHeight, info.filterWidth],
    dilations: [info.dilationDepth, info.dilationHeight, info.dilationWidth],
    before: [info.padInfo.front, info.padInfo.top, info.padInfo.left],
    inSize: [info.inDepth, info.inHeight, info.inWidth],
    outSize: [info.outDepth, info.outHeight, info.outWidth],
  };
}

function inputGradient(
  tf: typeof tfjs,
  dy: tfjs.Tensor,
  filter: tfjs.Tensor,
  layout: Layout,
): tfjs.Tensor {
  const space = layout.taps.map((_, i) => i);
  const [inChannels, outChannels] = [space.length, space.length + 1];
  const turned = tf.transpose(tf.reverse(filter, space), [...space, outChannels, inChannels]);
  const ones = space.map(() => 1);
  return convolve(tf, frameGradient(tf, dy, layout), turned, ones, layout.dilations);
}

/** Batch and channels are swapped, and so are stride and dilation. */
function filterGradient(
  tf: typeof tfjs,
  x: tfjs.Tensor,
  dy: tfjs.Tensor,
  layout: Layout,
): tfjs.Tensor {
  const space = layout.taps.map((_, i) => i + 1);
  const channels = space.length + 1;
  const input = tf.transpose(frameInput(tf, x, layout), [channels, ...space, 0]);
  const filter = tf.transpose(dy, [...space, 0, channels]);
  const ones = space.map(() => 1);
  const out = convolve(tf, input, filter, layout.dilations, ones);
  return tf.transpose(out, [...space, 0, channels]);
}

function convolve(
  tf: typeof tfjs,
  x: tfjs.Tensor,
  filter: tfjs.Tensor,
  strides: number[],
  dilations: number[],
): tfjs.Tensor {
  return tf.engine().runKernel(strides.length === 2 ? "Conv2D" : "Conv3D", { x, filter }, {
    strides,
    dilations,
    pad: "valid",
    dataFormat: strides.length === 2 ? "NHWC" : "NDHWC",
  });
}

/** With one filter per output channel, summed over the filters of an input channel. */
function depthwiseInputGradient(
  tf: typeof tfjs,
  dy: tfjs.Tensor4D,
  filter: tfjs.Tensor4D,
  layout: Layout,
): tfjs.Tensor {
  const [height, width, channels, multiplier] = filter.shape;
  const turned = tf.reverse(filter, [0, 1]).reshape([height, width, channels * multiplier, 1]);
  return tf.depthwiseConv2d(
    frameGradient(tf, dy, layout) as tfjs.Tensor4D,
    turned as tfjs.Tensor4D,
    1,
    "valid",
    "NHWC",
    layout.dilations as [number, number],
  ).reshape([dy.shape[0], ...layout.inSize, channels, multiplier]).sum(4);
}

/** The channels of all images are placed side by side in one image, whose filters are summed. */
function depthwiseFilterGradient(
  tf: typeof tfjs,
  x: tfjs.Tensor4D,
  dy: tfjs.Tensor4D,
  layout: Layout,
): tfjs.Tensor {
  const [batch, , , channels] = x.shape;
  const framed = frameInput(tf, x, layout);
  const [, height, width] = framed.shape;
  const multiplier = dy.shape[3] / channels;
  return tf.depthwiseConv2d(
    tf.transpose(framed, [1, 2, 0, 3]).reshape([
      1,
      height,
      width,
      batch * channels,
    ]) as tfjs.Tensor4D,
    tf.transpose(dy, [1, 2, 0, 3])
      .reshape([...layout.outSize, batch * channels, multiplier]) as tfjs.Tensor4D,
    layout.dilations as [number, number],
    "valid",
  ).reshape([...layout.taps, batch, channels, multiplier]).sum(2);
}

/** Padded with zeros so that a convolution without padding has the size of the input. */
function frameGradient(
  tf: typeof tfjs,
  dy: tfjs.Tensor,
  { taps, dilations, before, inSize, outSize }: Layout,
): tfjs.Tensor {
  return frame(
    tf,
    dy,
    taps.map((length, i) => (length - 1) * dilations[i] - before[i]),
    inSize.map((length, i) => length - outSize[i] + before[i]),
  );
}

/** With its padding, and without pixels that no window covers. */
function frameInput(
  tf: typeof tfjs,
  x: tfjs.Tensor,
  { taps, dilations, before, inSize, outSize }: Layout,
): tfjs.Tensor {
  return frame(
    tf,
    x,
    before,
    taps.map((length, i) => (length - 1) * dilations[i] + outSize[i] - inSize[i] - before[i]),
  );
}

/** Add zeros around an image, or crop pixels where a number is negative. */
function frame(tf: typeof tfjs, x: tfjs.Tensor, before: number[], after: number[]): tfjs.Tensor {
  const padded = tf.pad(x, [
    [0, 0],
    ...before.map((zeros, i): [number, number] => [Math.max(0, zeros), Math.max(0, after[i])]),
    [0, 0],
  ]);
  if ([...before, ...after].every((zeros) => zeros >= 0)) return padded;
  const size = before.map((zeros, i) => x.shape[i + 1] + zeros + after[i]);
  return tf.slice(
    padded,
    [0, ...before.map((zeros) => Math.max(0, -zeros)), 0],
    [x.shape[0], ...size, x.shape[x.rank - 1]],
  );
}
