import type * as tfjs from "@tensorflow/tfjs";
import type { WasmBackend } from "./wasm.ts";

/**
 * An output's gradient spread out so that a convolution of stride one has the shape of the input:
 * with zeros between its pixels for the skipped ones, and with the corresponding padding. The
 * caller disposes its data if it is not the gradient itself.
 *
 * With zeros in between, or a negative padding, as after explicit padding wider than the filter,
 * the zeros around are materialized and the padding is "valid".
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
        // Pixels that covered only padding are outside.
        if (row < 0 || row >= height || column < 0 || column >= width) continue;
        const start = ((image * height + row) * width + column) * outChannels;
        for (let i = 0; i < outChannels; i++) to[start + i] = from[at + i];
      }
    }
  }
  return { x: out, pad: "valid" };
}
