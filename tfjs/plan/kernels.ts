import { kernelBytes } from "./kernels.generated.ts";
import type { ActivationKernels } from "./kernels/activation.ts";
import type { ArrayKernels } from "./kernels/arrays.ts";
import type { ConvolutionKernels } from "./kernels/convolution.ts";
import type { DepthwiseKernels } from "./kernels/depthwise.ts";
import type { GemmKernels } from "./kernels/gemm.ts";
import type { ImageKernels } from "./kernels/image.ts";
import type { LossKernels } from "./kernels/loss.ts";
import type { MergeKernels } from "./kernels/merge.ts";
import type { NoiseKernels } from "./kernels/noise.ts";
import type { NormalizationKernels } from "./kernels/normalization.ts";
import type { PoolingKernels } from "./kernels/pool.ts";
import type { RecurrentKernels } from "./kernels/recurrent.ts";
import type { SequenceKernels } from "./kernels/sequence.ts";

/**
 * The functions of `assembly/`, where they are documented. Arrays are byte addresses, 0 for an
 * absent one. Sizes and strides are in values. Elementwise functions write whole vectors of four
 * values, so they require padded memory such as that of a {@linkcode Block}.
 */
export interface Kernels
  extends
    ActivationKernels,
    ArrayKernels,
    ConvolutionKernels,
    DepthwiseKernels,
    GemmKernels,
    ImageKernels,
    LossKernels,
    MergeKernels,
    NoiseKernels,
    NormalizationKernels,
    PoolingKernels,
    RecurrentKernels,
    SequenceKernels {}

let compiled: WebAssembly.Module | undefined;

/**
 * Instantiate the kernels on a memory.
 *
 * @throws WebAssembly.CompileError without SIMD, or if a policy forbids WebAssembly
 */
export function instantiateKernels(memory: WebAssembly.Memory): Kernels {
  compiled ??= new WebAssembly.Module(kernelBytes());
  return new WebAssembly.Instance(compiled, { env: { memory } }).exports as unknown as Kernels;
}
