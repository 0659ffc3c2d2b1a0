import { kernelBytes } from "./kernels.generated.ts";

/**
 * The functions of `assembly/`, where they are documented. Arrays are byte addresses, 0 for an
 * absent one. Sizes and strides are in values. Elementwise functions write whole vectors of four
 * values, so they require padded memory such as that of a {@linkcode Block}.
 */
export interface Kernels {
  activate(kind: number, n: number, x: number, y: number, alpha: number): void;
  activateGradient(
    kind: number,
    n: number,
    x: number,
    y: number,
    d: number,
    alpha: number,
  ): void;
  prelu(rows: number, size: number, x: number, alpha: number, y: number): void;
  preluGradient(
    rows: number,
    size: number,
    x: number,
    alpha: number,
    dy: number,
    dx: number,
    da: number,
  ): void;
  spread(n: number, from: number, index: number, to: number): void;
  spreadGradient(n: number, count: number, dy: number, index: number, dx: number): void;
  softmax(rows: number, columns: number, x: number, y: number): void;
  softmaxGradient(rows: number, columns: number, y: number, d: number): void;
  logSoftmax(rows: number, columns: number, x: number, y: number): void;
  logSoftmaxGradient(rows: number, columns: number, y: number, d: number): void;
  add(n: number, from: number, to: number): void;
  copy(n: number, from: number, to: number): void;
  zero(n: number, to: number): void;
  multiply(n: number, a: number, b: number, to: number): void;
  scale(n: number, factor: number, from: number, to: number): void;
  pick(n: number, isLarger: number, a: number, b: number, to: number): void;
  pickGradient(n: number, x: number, picked: number, d: number, to: number): void;
  copyColumns(
    rows: number,
    width: number,
    from: number,
    fromStep: number,
    to: number,
    toStep: number,
  ): void;
  gather(
    rows: number,
    n: number,
    map: number,
    from: number,
    fromStep: number,
    to: number,
  ): void;
  scatterAdd(
    rows: number,
    n: number,
    map: number,
    from: number,
    to: number,
    toStep: number,
  ): void;
  dropout(
    n: number,
    first: number,
    second: number,
    limit: number,
    factor: number,
    x: number,
    y: number,
  ): void;
  alphaDropout(
    n: number,
    first: number,
    second: number,
    limit: number,
    low: number,
    a: number,
    b: number,
    x: number,
    y: number,
  ): void;
  gaussian(
    n: number,
    first: number,
    second: number,
    mean: number,
    stddev: number,
    y: number,
  ): void;
  lstm(
    rows: number,
    units: number,
    gateKind: number,
    kind: number,
    zStep: number,
    step: number,
    nextStep: number,
    z: number,
    pre: number,
    sums: number,
    mask: number,
    maskStep: number,
    h: number,
    c: number,
    a: number,
    hNext: number,
    cNext: number,
    y: number,
  ): void;
  lstmGradient(
    rows: number,
    units: number,
    gateKind: number,
    kind: number,
    zStep: number,
    step: number,
    z: number,
    pre: number,
    mask: number,
    maskStep: number,
    c: number,
    a: number,
    dh: number,
    dc: number,
    dy: number,
    kept: number,
  ): void;
  gruGates(
    rows: number,
    units: number,
    gateKind: number,
    zStep: number,
    step: number,
    z: number,
    pre: number,
    sums: number,
    h: number,
    rh: number,
  ): void;
  gruState(
    rows: number,
    units: number,
    kind: number,
    zStep: number,
    step: number,
    nextStep: number,
    z: number,
    pre: number,
    sums: number,
    mask: number,
    maskStep: number,
    h: number,
    hNext: number,
    y: number,
  ): void;
  gruStateGradient(
    rows: number,
    units: number,
    gateKind: number,
    kind: number,
    zStep: number,
    step: number,
    z: number,
    pre: number,
    mask: number,
    maskStep: number,
    h: number,
    dh: number,
    dy: number,
    d3: number,
    kept: number,
  ): void;
  gruGatesGradient(
    rows: number,
    units: number,
    gateKind: number,
    zStep: number,
    step: number,
    z: number,
    pre: number,
    h: number,
    drh: number,
    kept: number,
  ): void;
  simpleRecurrent(
    rows: number,
    units: number,
    kind: number,
    step: number,
    nextStep: number,
    z: number,
    pre: number,
    sums: number,
    mask: number,
    maskStep: number,
    h: number,
    hNext: number,
    y: number,
  ): void;
  simpleRecurrentGradient(
    rows: number,
    units: number,
    kind: number,
    step: number,
    z: number,
    pre: number,
    mask: number,
    maskStep: number,
    dh: number,
    dy: number,
    kept: number,
  ): void;
  embed(
    n: number,
    columns: number,
    count: number,
    numbers: number,
    table: number,
    to: number,
    mask: number,
  ): number;
  embedGradient(
    n: number,
    columns: number,
    numbers: number,
    from: number,
    to: number,
  ): void;
  maskSteps(
    steps: number,
    columns: number,
    value: number,
    x: number,
    mask: number,
  ): void;
  maskWeights(n: number, mask: number, weights: number, to: number): void;
  scaleRows(
    rows: number,
    columns: number,
    factors: number,
    x: number,
    y: number,
  ): void;
  toFloats(n: number, from: number, to: number): void;
  gemm(
    M: number,
    N: number,
    K: number,
    a: number,
    rowStep: number,
    columnStep: number,
    b: number,
    c: number,
    bias: number,
    relu: number,
    pack: number,
    tile: number,
  ): void;
  packPanels(K: number, N: number, b: number, to: number): void;
  packTransposed(
    T: number,
    C: number,
    N: number,
    w: number,
    taps: number,
    to: number,
  ): void;
  gatherGemm(
    M: number,
    N: number,
    K: number,
    a: number,
    rows: number,
    columns: number,
    panels: number,
    c: number,
    outputOffsets: number,
    bias: number,
    relu: number,
    adds: number,
    tile: number,
  ): void;
  depthwise(
    M: number,
    C: number,
    T: number,
    a: number,
    rows: number,
    taps: number,
    weights: number,
    w: number,
    bias: number,
    y: number,
    outputOffsets: number,
  ): void;
  depthwiseWeightGradient(
    M: number,
    C: number,
    T: number,
    a: number,
    rows: number,
    taps: number,
    dy: number,
    dw: number,
    adds: number,
  ): void;
  repeat(n: number, times: number, from: number, to: number): void;
  repeatGradient(n: number, times: number, dy: number, dx: number): void;
  addBias(rows: number, columns: number, bias: number, to: number): void;
  pad: ImageCopy;
  crop: ImageCopy;
  upSample: UpSampling;
  upSampleGradient: UpSampling;
  maxPool(images: number, ...args: [...Pooling, x: number, y: number]): void;
  maxPoolGradient(
    images: number,
    ...args: [...Pooling, x: number, y: number, dy: number, dx: number, all: number]
  ): void;
  averagePool(images: number, ...args: [...Pooling, x: number, y: number]): void;
  averagePoolGradient(images: number, ...args: [...Pooling, dy: number, dx: number]): void;
  moments(rows: number, columns: number, x: number, mean: number, variance: number): void;
  columnProducts(
    rows: number,
    columns: number,
    x: number,
    mean: number,
    d: number,
    to: number,
  ): void;
  overDeviation(n: number, variance: number, epsilon: number, by: number, to: number): void;
  normalize(
    rows: number,
    columns: number,
    x: number,
    mean: number,
    factor: number,
    offset: number,
    y: number,
  ): void;
  normalizeGradient(
    rows: number,
    columns: number,
    x: number,
    mean: number,
    inverse: number,
    factor: number,
    sums: number,
    products: number,
    dy: number,
    dx: number,
    work: number,
  ): void;
  scaleColumns(rows: number, columns: number, from: number, factor: number, to: number): void;
  movingAverage(n: number, before: number, batch: number, decay: number, to: number): void;
  layerNormalize(
    rows: number,
    columns: number,
    x: number,
    gamma: number,
    beta: number,
    epsilon: number,
    y: number,
    means: number,
    inverses: number,
  ): void;
  layerNormalizeGradient(
    rows: number,
    columns: number,
    x: number,
    gamma: number,
    means: number,
    inverses: number,
    dy: number,
    dx: number,
  ): void;
  layerGammaGradient(
    rows: number,
    columns: number,
    x: number,
    means: number,
    inverses: number,
    dy: number,
    to: number,
  ): void;
  transpose(rows: number, columns: number, from: number, to: number): void;
  columnSums(rows: number, columns: number, from: number, to: number): void;
  squaredError: LossKernel;
  absoluteError: LossKernel;
  categoricalCrossentropy: LossKernel;
  sparseCategoricalCrossentropy: LossKernel;
  binaryCrossentropy: LossKernel;
  categoricalAccuracy: AccuracyKernel;
  sparseCategoricalAccuracy: AccuracyKernel;
  binaryAccuracy: AccuracyKernel;
  penalty(n: number, w: number, l1: number, l2: number, d: number): number;
}

/** Sizes, strides and padding of windows on images, in pixels. */
export type Pooling = [
  height: number,
  width: number,
  channels: number,
  outputHeight: number,
  outputWidth: number,
  windowHeight: number,
  windowWidth: number,
  verticalStride: number,
  horizontalStride: number,
  top: number,
  left: number,
];

/** Copies between images and padded images. */
export type ImageCopy = (
  images: number,
  height: number,
  width: number,
  channels: number,
  top: number,
  left: number,
  paddedHeight: number,
  paddedWidth: number,
  from: number,
  to: number,
) => void;

/** Copies between images and images with a block per pixel. */
export type UpSampling = (
  images: number,
  height: number,
  width: number,
  channels: number,
  blockHeight: number,
  blockWidth: number,
  from: number,
  to: number,
) => void;

/** Returns the sum over the positions. `d` receives its gradient times `scale`. */
export type LossKernel = (
  positions: number,
  columns: number,
  predictions: number,
  targets: number,
  weights: number,
  d: number,
  scale: number,
) => number;

/** Returns the sum over the positions. */
export type AccuracyKernel = (
  positions: number,
  columns: number,
  predictions: number,
  targets: number,
) => number;

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
