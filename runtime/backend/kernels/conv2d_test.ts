import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { pick, sameGradients, seeded, start, values } from "./test_world.ts";

describe("convolutions on wasm", () => {
  after(() => tf.setBackend("cpu"));

  it("have cpu's gradients for any shape, stride and padding", async () => {
    for (let seed = 0; seed < 40; seed++) {
      const { what, inputs, stride, pad } = convolution(seed);
      await sameGradients(
        what,
        inputs,
        (x, filter) => tf.conv2d(x as tf.Tensor4D, filter as tf.Tensor4D, stride, pad),
      );
    }
  });

  it("have cpu's gradients with explicit padding, also wider than the filter", async () => {
    for (const pad of [[0, 0, 1, 1], [2, 1, 0, 2], [3, 3, 3, 3]]) {
      for (const stride of [1, 2]) {
        const random = seeded(pad[0] + stride);
        const [x, filter] = [[2, 5, 6, 2], [2, 3, 2, 3]]
          .map((shape) => ({ shape, values: values(shape, random) }));
        await sameGradients(
          `padding ${pad}, stride ${stride}`,
          [x, filter],
          (x, filter) =>
            tf.conv2d(x as tf.Tensor4D, filter as tf.Tensor4D, stride, [
              [0, 0],
              [pad[0], pad[1]],
              [pad[2], pad[3]],
              [0, 0],
            ]),
        );
      }
    }
  });

  it("have cpu's gradients when transposed", async () => {
    for (let seed = 0; seed < 12; seed++) {
      const { what, inputs: [x, filter], stride, pad } = convolution(seed);
      const convolved = tf.tidy(() =>
        tf.conv2d(
          tf.zeros<tf.Rank.R4>(x.shape as [number, number, number, number]),
          tf.zeros<tf.Rank.R4>(filter.shape as [number, number, number, number]),
          stride,
          pad,
        ).shape
      );
      const dy = { shape: convolved, values: values(convolved, seeded(seed)) };
      await sameGradients(`${what} transposed`, [dy, filter], (dy, filter) =>
        tf.conv2dTranspose(
          dy as tf.Tensor4D,
          filter as tf.Tensor4D,
          x.shape as [number, number, number, number],
          stride,
          pad,
        ));
    }
  });

  it("have cpu's gradients in one dimension", async () => {
    for (const [stride, pad] of [[1, "same"], [2, "same"], [2, "valid"]] as const) {
      const random = seeded(stride);
      const [x, filter] = [[3, 9, 2], [3, 2, 4]]
        .map((shape) => ({ shape, values: values(shape, random) }));
      await sameGradients(
        `stride ${stride}, ${pad}`,
        [x, filter],
        (x, filter) => tf.conv1d(x as tf.Tensor3D, filter as tf.Tensor3D, stride, pad),
      );
    }
  });

  it("refuse channels first, which wasm cannot convolve either", async () => {
    await start("wasm");
    const x = tf.ones([1, 1, 3, 3]);
    const filterShape = [2, 2, 1, 1];
    const filter = tf.ones(filterShape);
    for (
      const [name, inputs, attrs] of [
        ["Conv2DBackpropFilter", { x, dy: x }, { filterShape }],
        ["Conv2DBackpropInput", { dy: x, filter }, { inputShape: x.shape }],
      ] as const
    ) {
      assert.throws(
        () =>
          tf.engine().runKernel(name, { ...inputs }, {
            strides: [1, 1],
            pad: "valid",
            dataFormat: "NCHW",
            ...attrs,
          }),
        /^RangeError: Cannot compute a gradient of conv2d on wasm with data format "NCHW": it must/,
      );
    }
    tf.dispose([x, filter]);
  });
});

describe("depthwise convolutions on wasm", () => {
  after(() => tf.setBackend("cpu"));

  it("have cpu's gradients for any shape, stride, padding and number of filters", async () => {
    for (let seed = 0; seed < 30; seed++) {
      const { what, inputs, stride, pad } = convolution(seed);
      inputs[1].shape[3] = seed % 3 + 1;
      inputs[1].values = values(inputs[1].shape, seeded(seed));
      await sameGradients(
        `depthwise ${what}`,
        inputs,
        (x, filter) => tf.depthwiseConv2d(x as tf.Tensor4D, filter as tf.Tensor4D, stride, pad),
      );
    }
  });
});

function convolution(seed: number) {
  const random = seeded(seed);
  const channels = pick([1, 2, 3, 5], random);
  const x = [pick([1, 2, 4], random), pick([4, 5, 8], random), pick([4, 6, 7], random), channels];
  const filter = [
    pick([1, 2, 3], random),
    pick([1, 2, 4], random),
    channels,
    pick([1, 2, 6], random),
  ];
  const stride: [number, number] = [pick([1, 2, 3], random), pick([1, 1, 2], random)];
  const pad = pick(["same", "valid", 1] as const, random);
  // With a number as padding tfjs takes height and stride of the filter for its width and stride.
  if (pad === 1) [filter[1], stride[1]] = [filter[0], stride[0]];
  return {
    what: `[${x}] by [${filter}], strides ${stride}, padding ${pad}`,
    inputs: [x, filter].map((shape) => ({ shape, values: values(shape, random) })),
    stride,
    pad,
  };
}
