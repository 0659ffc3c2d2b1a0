import type * as tfjs from "@tensorflow/tfjs";
import type { WasmBackend } from "./wasm.ts";

/**
 * An output's gradient laid out so that a convolution of stride one leads back to the shape of the
 * input: with as many zeros between its pixels as the stride skipped, and with the padding that
 * belongs to it. The caller disposes its data when it is not the gradient itself.
 *
 * Where there are zeros between, or would be a negative padding, as after explicit padding wider
 * than the filter, those around are written out and the padding is "valid".
 */
export function spread(
  dy: tfjs.TensorInfo,
  info: tfjs.backend_util.Conv2DInfo,
  backend: WasmBackend,
): { x: tfjs.TensorInfo; pad: number[][] | "valid" } {
  const { batchSize, outHeight, outWidth, outChannels, strideHeight, strideWidth } = info;
  const height = info.inHeight + info.effectiveFilterHeight - 1;
  const width = info.inWidth + info.effectiveFilterWidth - 1;
  const top = info.effectiveFilterHeight - 1 - info.padInfo.top;
  const left = info.effectiveFilterWidth - 1 - info.padInfo.left;
  const around = [[top, height - top - outHeight], [left, width - left - outWidth]];
  if (strideHeight === 1 && strideWidth === 1 && around.flat().every((zeros) => zeros >= 0)) {
    return { x: dy, pad: [[0, 0], ...around, [0, 0]] };
  }
  const out = backend.makeOutput([batchSize, height, width, outChannels], "float32");
  const to = backend.typedArrayFromHeap(out).fill(0);
  const from = backend.typedArrayFromHeap(dy);
  for (let image = 0, at = 0; image < batchSize; image++) {
    for (let y = 0; y < outHeight; y++) {
      const row = top + y * strideHeight;
      for (let x = 0; x < outWidth; x++, at += outChannels) {
        const column = left + x * strideWidth;
        // What saw nothing but padding is outside.
        if (row < 0 || row >= height || column < 0 || column >= width) continue;
        const start = ((image * height + row) * width + column) * outChannels;
        for (let i = 0; i < outChannels; i++) to[start + i] = from[at + i];
      }
    }
  }
  return { x: out, pad: "valid" };
}
