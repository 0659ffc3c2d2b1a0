import { describe, it } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { around, planAgrees, planThrows } from "../fixtures.ts";

const { layers } = tf;
type Conv = Parameters<typeof layers.conv3d>[0];

describe("Compiled layers of volumes", () => {
  const convolutions: [shape: number[], Conv][] = [
    [[3, 4, 5, 2], { filters: 3, kernelSize: 2 }],
    [[4, 3, 3, 1], { filters: 8, kernelSize: [3, 2, 1], padding: "same", activation: "relu" }],
    [[5, 4, 6, 2], { filters: 4, kernelSize: [2, 3, 2], strides: [2, 1, 2], padding: "same" }],
    [[6, 5, 5, 2], { filters: 3, kernelSize: 3, strides: 2, useBias: false }],
    [[5, 6, 5, 1], { filters: 2, kernelSize: 2, dilationRate: 2, activation: "tanh" }],
  ];
  for (const [shape, args] of convolutions) {
    it(`Conv3D of [${shape}] with ${JSON.stringify(args)} matches TensorFlow.js`, () =>
      planAgrees("conv3d", around(shape, () => layers.conv3d(args))));
  }

  const transposed: [shape: number[], Conv][] = [
    [[2, 3, 2, 2], { filters: 3, kernelSize: 2 }],
    [[2, 2, 3, 3], { filters: 2, kernelSize: [3, 2, 2], strides: 2, padding: "same" }],
    [[2, 2, 2, 4], { filters: 8, kernelSize: 1, strides: [1, 2, 3], activation: "relu" }],
  ];
  for (const [shape, args] of transposed) {
    it(`Conv3DTranspose of [${shape}] with ${JSON.stringify(args)} matches TensorFlow.js`, () =>
      planAgrees("conv3dTranspose", around(shape, () => layers.conv3dTranspose(args))));
  }

  type Pool = Parameters<typeof layers.maxPooling3d>[0];
  const pools: [shape: number[], Pool][] = [
    [[4, 4, 6, 3], { poolSize: 2 }],
    [[5, 5, 4, 4], { poolSize: [3, 2, 2], strides: [1, 2, 1] }],
    [[5, 4, 3, 2], { poolSize: 3, strides: 2, padding: "same" }],
  ];
  for (const name of ["maxPooling3d", "averagePooling3d"] as const) {
    for (const [shape, args] of pools) {
      it(`${name} of [${shape}] with ${JSON.stringify(args)} matches TensorFlow.js`, () =>
        planAgrees(name, around(shape, () => layers[name](args))));
    }
  }
});

describe("Layers of volumes that TensorFlow.js computes in another way", () => {
  it("a volume is not compiled if its padding leaves gaps between windows", () =>
    planThrows(
      around([3, 4, 6, 2], () =>
        layers.conv3d({ filters: 1, kernelSize: 2, strides: 3, padding: "same" })),
      /a volume with gaps between its windows/,
    ));
  it("MaxPooling3D is not trained on cpu with windows of other height than width", () =>
    planThrows(
      around([3, 5, 4, 2], () => layers.maxPooling3d({ poolSize: [2, 3, 2] })),
      /gradient of MaxPooling3D is wrong on cpu/,
    ));
});

describe("Compiled layers with channels first", () => {
  const dataFormat = "channelsFirst";
  const first = { filters: 3, kernelSize: 2, dataFormat } as const;
  const table: Record<string, [shape: number[], layer: () => tf.layers.Layer]> = {
    conv2d: [
      [2, 4, 5],
      () => layers.conv2d({ ...first, strides: 2, activation: "swish" as "relu" }),
    ],
    conv2dTranspose: [[2, 4, 3], () => layers.conv2dTranspose({ ...first, strides: 2 })],
    conv3d: [[2, 3, 4, 3], () => layers.conv3d({ ...first, padding: "same" })],
    conv3dTranspose: [[2, 3, 2, 3], () => layers.conv3dTranspose(first)],
    depthwiseConv2d: [[2, 4, 5], () => layers.depthwiseConv2d({ kernelSize: 2, dataFormat })],
    separableConv2d: [[2, 4, 5], () => layers.separableConv2d({ ...first, useBias: false })],
    maxPooling2d: [[2, 4, 5], () => layers.maxPooling2d({ poolSize: 2, dataFormat })],
    averagePooling2d: [[2, 4, 5], () => layers.averagePooling2d({ poolSize: 2, dataFormat })],
    maxPooling3d: [[2, 4, 3, 5], () => layers.maxPooling3d({ poolSize: 2, dataFormat } as object)],
    averagePooling3d: [
      [2, 4, 3, 5],
      () => layers.averagePooling3d({ poolSize: 2, dataFormat } as object),
    ],
    globalMaxPooling2d: [[2, 4, 5], () => layers.globalMaxPooling2d({ dataFormat })],
    globalAveragePooling2d: [[2, 4, 5], () => layers.globalAveragePooling2d({ dataFormat })],
    zeroPadding2d: [
      [2, 3, 4],
      () => layers.zeroPadding2d({ padding: [[1, 0], [2, 1]], dataFormat }),
    ],
    cropping2D: [[2, 4, 5], () => layers.cropping2D({ cropping: [[1, 0], [2, 1]], dataFormat })],
    upSampling2d: [[2, 3, 4], () => layers.upSampling2d({ size: [2, 3], dataFormat })],
    "upSampling2d with interpolation": [
      [2, 3, 4],
      () => layers.upSampling2d({ size: [2, 3], interpolation: "bilinear", dataFormat }),
    ],
    flatten: [[2, 3, 4], () => layers.flatten({ dataFormat })],
  };
  for (const [name, [shape, layer]] of Object.entries(table)) {
    it(`${name} with channels first matches TensorFlow.js`, () =>
      planAgrees(name, around(shape, layer), { tolerance: 2e-6 }));
  }
});
