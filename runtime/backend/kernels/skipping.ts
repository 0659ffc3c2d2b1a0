import { gives, runKernel, type TrainingKernel } from "./wasm.ts";

type Shape4D = [number, number, number, number];

/**
 * Convolutions with "same" padding where the strides skip pixels, as with a filter two high and
 * stride three: tfjs's own give zeros. Convolving without any padding is right.
 */
export const skippingConvolutions: TrainingKernel[] = [
  "Conv2D",
  "DepthwiseConv2dNative",
  "FusedConv2D",
  "FusedDepthwiseConv2D",
].map((name) => ({
  name,
  run(tf, call, theirs) {
    const { inputs, attrs, backend } = call;
    const info = tf.backend_util.computeConv2DInfo(
      inputs.x.shape as Shape4D,
      inputs.filter.shape as Shape4D,
      attrs.strides as [number, number],
      (attrs.dilations ?? 1) as [number, number],
      attrs.pad as "valid",
      attrs.dimRoundingMode as "floor",
      name.includes("Depthwise"),
      attrs.dataFormat === "NCHW" ? "channelsFirst" : "channelsLast",
    );
    const skips = info.padInfo.type === "SAME" &&
      ((info.outHeight - 1) * info.strideHeight + info.effectiveFilterHeight < info.inHeight ||
        (info.outWidth - 1) * info.strideWidth + info.effectiveFilterWidth < info.inWidth);
    if (!skips) return theirs!(call);
    const { top, bottom, left, right } = info.padInfo;
    const paddings = [[0, 0], [top, bottom], [left, right], [0, 0]];
    const x = runKernel(tf, "PadV2", { x: inputs.x }, { paddings, constantValue: 0 }, backend);
    const out = theirs!({ inputs: { ...inputs, x }, attrs: { ...attrs, pad: "valid" }, backend });
    backend.disposeData(x.dataId);
    return out;
  },
  suffices: (theirs, backend) =>
    gives(
      [5],
      theirs,
      {
        x: { shape: [1, 3, 1, 1], values: [1, 4, 7] },
        filter: { shape: [2, 1, 1, 1], values: [1, 1] },
      },
      {
        strides: [3, 3],
        dilations: [1, 1],
        pad: "same",
        dataFormat: "NHWC",
        activation: "linear",
      },
      backend,
    ),
}));
