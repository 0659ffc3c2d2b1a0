// Kernels of compiled steps, on an imported memory. build/kernels.ts compiles them to
// ../kernels.generated.ts.
export * from "./activation";
export * from "./arrays";
export * from "./convolution";
export * from "./depthwise";
export * from "./gemm";
export * from "./image";
export * from "./loss";
export * from "./maxima";
export * from "./merge";
export * from "./noise";
export * from "./normalization";
export * from "./pool";
export * from "./recurrent";
export * from "./sequence";
