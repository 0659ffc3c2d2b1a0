import type * as tfjs from "@tensorflow/tfjs";
import { runKernel, type TrainingKernel } from "./wasm.ts";

/**
 * Let a convolution's kernel accept channels first as well, by transposing to channels last and
 * back.
 *
 * @param images names of the image inputs
 * @param givesImage whether the output is an image
 */
export function withChannelsFirst(
  kernel: TrainingKernel,
  images: string[],
  givesImage: boolean,
): TrainingKernel {
  return {
    ...kernel,
    run(tf, call, theirs) {
      const { attrs, backend } = call;
      if (attrs.dataFormat !== "NCHW") return kernel.run(tf, call, theirs);
      const turn = (x: tfjs.TensorInfo, perm: number[]) =>
        runKernel(tf, "Transpose", { x }, { perm }, backend);
      const last = <Item>([image, channels, height, width]: Item[]) => [
        image,
        height,
        width,
        channels,
      ];
      const turned = images.map((name) => [name, turn(call.inputs[name], [0, 2, 3, 1])] as const);
      const { pad, inputShape } = attrs;
      const out = kernel.run(tf, {
        inputs: { ...call.inputs, ...Object.fromEntries(turned) },
        attrs: {
          ...attrs,
          dataFormat: "NHWC",
          pad: Array.isArray(pad) ? last(pad as unknown[]) as typeof pad : pad,
          inputShape: Array.isArray(inputShape) ? last(inputShape as number[]) : inputShape,
        },
        backend,
      }, theirs) as tfjs.TensorInfo;
      for (const [, { dataId }] of turned) backend.disposeData(dataId);
      if (!givesImage) return out;
      const first = turn(out, [0, 3, 1, 2]);
      backend.disposeData(out.dataId);
      return first;
    },
  };
}
