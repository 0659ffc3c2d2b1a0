import { kernelsCode } from "./kernels.generated.ts";
import type { ActivationKernels } from "./kernels/activation.ts";
import type { ArrayKernels } from "./kernels/arrays.ts";
import type { ConvolutionKernels } from "./kernels/convolution.ts";
import type { DepthwiseKernels } from "./kernels/depthwise.ts";
import type { GemmKernels } from "./kernels/gemm.ts";
import type { ImageKernels } from "./kernels/image.ts";
import type { LossKernels } from "./kernels/loss.ts";
import type { MaximaKernels } from "./kernels/maxima.ts";
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
    MaximaKernels,
    MergeKernels,
    NoiseKernels,
    NormalizationKernels,
    PoolingKernels,
    RecurrentKernels,
    SequenceKernels {}

/** The memory that the module imports, in its binary format. */
const importedMemory = (limits: string, size: string) =>
  `\x02${size}\x01\x03env\x06memory\x02${limits}`;

/**
 * The WebAssembly module of the kernels.
 *
 * @param isShared whether threads share the memory. Only the limits of the imported memory differ:
 *   at most 65,536 pages, as many as TensorFlow.js's heap
 */
export function kernelBytes(isShared: boolean): Uint8Array<ArrayBuffer> {
  const code = atob(kernelsCode);
  const chars = isShared
    ? code.replace(importedMemory("\0\0", "\x0f"), importedMemory("\x03\0\x80\x80\x04", "\x12"))
    : code;
  // A mapping function takes 10 to 20 ms longer, once per process.
  const bytes = new Uint8Array(chars.length);
  for (let i = 0; i < chars.length; i++) bytes[i] = chars.charCodeAt(i);
  return bytes;
}

const compiled = new Map<boolean, WebAssembly.Module>();

/**
 * The compiled module of the kernels.
 *
 * @throws WebAssembly.CompileError without SIMD, or if a policy forbids WebAssembly
 */
export function kernelModule(isShared: boolean): WebAssembly.Module {
  let module = compiled.get(isShared);
  if (module === undefined) {
    compiled.set(isShared, module = new WebAssembly.Module(kernelBytes(isShared)));
  }
  return module;
}

/**
 * Instantiate the kernels on a memory, which threads may share.
 *
 * @throws WebAssembly.CompileError without SIMD, or if a policy forbids WebAssembly
 */
export function instantiateKernels(memory: WebAssembly.Memory): Kernels {
  const module = kernelModule(!(memory.buffer instanceof ArrayBuffer));
  return new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as Kernels;
}
