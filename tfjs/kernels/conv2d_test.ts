import * as tf from "@tensorflow/tfjs";
import { after, describe, it } from "node:test";
import { close, pick, sameGradients, seeded, start, values } from "./fixtures.ts";

describe("Convolutions on wasm", () => {
  after(() => tf.setBackend("cpu"));

  it("Convolutions on wasm have cpu's gradients for any shape, stride and padding", async () => {
    for (let seed = 0; seed < 40; seed++) {
      const { what, inputs, stride, pad } = convolution(seed);
      await sameGradients(
        what,
        inputs,
        (x, filter) => tf.conv2d(x as tf.Tensor4D, filter as tf.Tensor4D, stride, pad),
      );
    }
  });

  it("Convolutions on wasm have cpu's gradients with explicit padding, even wider than the filter", async () => {
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

  it("Convolutions on wasm have cpu's gradients when transposed", async () => {
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

  it("Convolutions on wasm have cpu's gradients in one dimension", async () => {
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

  it("Convolutions on wasm have cpu's gradients with channels first", async () => {
    for (const stride of [1, 2]) {
      for (const pad of ["same", "valid", [[0, 0], [0, 0], [1, 2], [3, 0]]] as const) {
        const random = seeded(stride);
        const inputs = [[2, 3, 6, 5], [2, 3, 3, 4]]
          .map((shape) => ({ shape, values: values(shape, random) }));
        await sameGradients(
          `channels first, stride ${stride}, ${pad}`,
          inputs,
          (x, filter) =>
            tf.conv2d(
              x as tf.Tensor4D,
              filter as tf.Tensor4D,
              stride,
              pad as "same",
              "NCHW",
            ),
        );
      }
    }
  });

  it("Convolutions on wasm have the gradients of wider padding with sizes rounded up, which cpu omits", async () => {
    await start("wasm");
    tf.tidy(() => {
      const random = seeded(2);
      const [x, filter, weights] = [[2, 6, 8, 2], [3, 3, 2, 3], [2, 4, 5, 3]]
        .map((shape) =>
          tf.tensor4d(values(shape, random), shape as [number, number, number, number])
        );
      const gradients = (
        convolve: (x: tf.Tensor4D, filter: tf.Tensor4D) => tf.Tensor,
      ) =>
        tf.grads((x, filter) =>
          convolve(x as tf.Tensor4D, filter as tf.Tensor4D).mul(weights).sum()
        )([x, filter]);
      const rounded = gradients((x, filter) => tf.conv2d(x, filter, 2, 1, "NHWC", 1, "ceil"));
      const padded = gradients((x, filter) =>
        tf.conv2d(x, filter, 2, [[0, 0], [1, 2], [1, 2], [0, 0]])
      );
      rounded.forEach((gradient, i) =>
        close(gradient.dataSync(), padded[i].dataSync(), `gradient ${i}`)
      );
    });
  });
});

describe("Volume convolutions on wasm", () => {
  after(() => tf.setBackend("cpu"));

  it("Volume convolutions on wasm have cpu's gradients for any shape, stride and padding, even transposed", async () => {
    for (let seed = 0; seed < 30; seed++) {
      const random = seeded(seed);
      const few = (list: number[]) => [1, 2, 3].map(() => pick(list, random));
      const [channels, filters] = [pick([1, 2, 3], random), pick([1, 2, 5], random)];
      const x = [pick([1, 2], random), ...few([3, 4, 5]), channels];
      const filter = [...few([1, 2, 3]), channels, filters];
      const strides = few([1, 1, 2]) as [number, number, number];
      const pad = pick(["same", "valid"] as const, random);
      const what = `[${x}] by [${filter}], strides ${strides}, ${pad}`;
      const [image, taps] = [x, filter].map((shape) => ({ shape, values: values(shape, random) }));
      const convolve = (x: tf.Tensor, filter: tf.Tensor) =>
        tf.conv3d(x as tf.Tensor5D, filter as tf.Tensor5D, strides, pad);
      await sameGradients(what, [image, taps], convolve);
      const shape = tf.tidy(() => convolve(tf.zeros(x), tf.zeros(filter)).shape);
      const dy = { shape, values: values(shape, random) };
      await sameGradients(`${what} transposed`, [dy, taps], (dy, filter) =>
        tf.conv3dTranspose(
          dy as tf.Tensor5D,
          filter as tf.Tensor5D,
          x as [number, number, number, number, number],
          strides,
          pad,
        ));
    }
  });
});

describe("Depthwise convolutions on wasm", () => {
  after(() => tf.setBackend("cpu"));

  it("Depthwise convolutions on wasm have cpu's gradients for any shape, stride, padding and number of filters", async () => {
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
  return {
    what: `[${x}] by [${filter}], strides ${stride}, padding ${pad}`,
    inputs: [x, filter].map((shape) => ({ shape, values: values(shape, random) })),
    stride,
    pad,
  };
}
