/** Pooling: `assembly/pool.ts`. */
export interface PoolingKernels {
  maxPool(images: number, ...args: [...PoolingWindows, x: number, y: number]): void;
  maxPoolGradient(
    images: number,
    ...args: [...PoolingWindows, x: number, y: number, dy: number, dx: number, all: number]
  ): void;
  averagePool(images: number, ...args: [...PoolingWindows, x: number, y: number]): void;
  averagePoolGradient(images: number, ...args: [...PoolingWindows, dy: number, dx: number]): void;
}

/** Sizes, strides and padding of windows on images, in pixels. */
export type PoolingWindows = [
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
