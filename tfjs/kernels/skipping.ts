import { runKernel, type TrainingKernel } from "./wasm.ts";

type Shape4D = [number, number, number, number];

/**
 * Convolutions whose windows do not end at the end of the padded image. If strides skip pixels with
 * "same" padding, as with a filter of height two and stride three, tfjs's kernels return zeros.
 * With a number as padding, tfjs uses the height of the filter as its width, and with a rounding
 * mode it may round up; its kernels then write past the end of their allocation. Cropping the image
 * to the windows and convolving without padding is correct.
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
    const { batchSize, inHeight, inWidth, inChannels, padInfo: { top, bottom, left, right } } =
      info;
    const height = (info.outHeight - 1) * info.strideHeight + info.effectiveFilterHeight;
    const width = (info.outWidth - 1) * info.strideWidth + info.effectiveFilterWidth;
    const ends = (seen: number, padded: number, stride: number) =>
      seen <= padded && padded < seen + stride;
    const same = info.padInfo.type === "SAME";
    if (
      ends(height, top + inHeight + bottom, same ? 1 : info.strideHeight) &&
      ends(width, left + inWidth + right, same ? 1 : info.strideWidth)
    ) {
      return theirs!(call);
    }
    const paddings = [
      [0, 0],
      [top, Math.max(0, height - top - inHeight)],
      [left, Math.max(0, width - left - inWidth)],
      [0, 0],
    ];
    const padded = runKernel(tf, "PadV2", { x: inputs.x }, { paddings, constantValue: 0 }, backend);
    const size = [batchSize, height, width, inChannels];
    const x = runKernel(tf, "Slice", { x: padded }, { begin: [0, 0, 0, 0], size }, backend);
    const out = theirs!({ inputs: { ...inputs, x }, attrs: { ...attrs, pad: "valid" }, backend });
    for (const { dataId } of [padded, x]) backend.disposeData(dataId);
    return out;
  },
  // A kernel that writes past the end must not be tested.
  suffices: () => false,
}));
