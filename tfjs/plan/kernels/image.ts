/** Padding, cropping and upsampling of images: `assembly/image.ts`. */
export interface ImageKernels {
  pad: ImageCopy;
  crop: ImageCopy;
  upSample: UpSampling;
  upSampleGradient: UpSampling;
  blend: Blend;
  blendGradient: Blend;
}

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

/** Between runs of values and more runs, each between two of them; `table` says which. */
export type Blend = (
  parts: number,
  n: number,
  run: number,
  count: number,
  table: number,
  from: number,
  to: number,
) => void;
