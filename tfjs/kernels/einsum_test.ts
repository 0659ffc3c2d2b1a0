import * as tf from "@tensorflow/tfjs";
import { after, describe, it } from "node:test";
import assert from "node:assert/strict";
import { close, sameGradients, sameOnWasm, seeded, start, values } from "./fixtures.ts";

const equations: [equation: string, ...shapes: number[][]][] = [
  ["ij,jk->ik", [2, 3], [3, 4]],
  ["ij,kj->ki", [2, 3], [4, 3]],
  ["bij,bjk->bik", [2, 3, 4], [2, 4, 5]],
  ["aecd,abcd->acbe", [2, 3, 2, 4], [2, 5, 2, 4]],
  ["acbe,aecd->abcd", [2, 2, 5, 3], [2, 3, 2, 4]],
  ["abc,cde->abde", [2, 3, 4], [4, 2, 5]],
  ["i,j->ij", [3], [4]],
  ["i,i->", [5], [5]],
  ["ij,ij->ji", [2, 3], [2, 3]],
  ["ijk->ki", [2, 3, 4]],
  ["ijk->", [2, 3, 4]],
  [" ij -> ji ", [2, 3]],
];

describe("einsum on wasm", () => {
  after(() => tf.setBackend("cpu"));

  for (const [equation, ...shapes] of equations) {
    it(`einsum on wasm computes ${equation} and its gradients like cpu`, async () => {
      const random = seeded(equation.length);
      const inputs = shapes.map((shape) => ({ shape, values: values(shape, random) }));
      await sameGradients(equation, inputs, (...xs) => tf.einsum(equation, ...xs));
    });
  }

  it("einsum on wasm has the gradient of matrix products", async () => {
    await start("wasm");
    const x = tf.tensor2d(values([2, 3], seeded(1)), [2, 3]);
    const y = tf.tensor2d(values([3, 4], seeded(2)), [3, 4]);
    const loss = (multiply: (x: tf.Tensor, y: tf.Tensor) => tf.Tensor) =>
      tf.grads((x, y) => multiply(x, y).square().sum())([x, y]);
    const ours = loss((x, y) => tf.einsum("ij,jk->ik", x, y));
    const theirs = loss((x, y) => tf.matMul(x, y));
    ours.forEach((gradient, i) => close(gradient.dataSync(), theirs[i].dataSync(), `input ${i}`));
    tf.dispose([x, y, ...ours, ...theirs]);
  });

  it("einsum on wasm sums dimensions of one input, which fails on cpu", async () => {
    await start("wasm");
    const x = tf.tensor3d(values([2, 3, 4], seeded(1)), [2, 3, 4]);
    const y = tf.tensor2d(values([3, 5], seeded(2)), [3, 5]);
    const ours = tf.einsum("ijk,jl->kl", x, y);
    const theirs = tf.tidy(() => tf.matMul(x.sum(0), y, true));
    close(ours.dataSync(), theirs.dataSync(), "ijk,jl->kl");
    const same = tf.einsum("ijk->ijk", x);
    close(same.dataSync(), x.dataSync(), "ijk->ijk");
    tf.dispose([x, y, ours, theirs, same]);
  });

  it("einsum on wasm rejects what tfjs rejects", async () => {
    await start("wasm");
    const x = tf.ones([2, 3]);
    const wrong = [["ii->i", [x]], ["ij->k", [x]], ["ij,jk->ik", [x, x]]] as const;
    for (const [equation, inputs] of wrong) {
      assert.throws(() => tf.einsum(equation, ...inputs), Error, equation);
    }
    x.dispose();
  });
});

describe("Segment sums on wasm", () => {
  after(() => tf.setBackend("cpu"));

  it("Segment sums on wasm equal cpu's, with repeated ids and ids of no segment", async () => {
    const ids = { shape: [6], values: Int32Array.of(2, 0, 2, -1, 7, 2), dtype: "int32" as const };
    for (const shape of [[6], [6, 3], [6, 2, 2]]) {
      const x = { shape, values: values(shape, seeded(shape.length)) };
      await sameOnWasm(
        `[${shape}]`,
        [x, ids],
        (x, ids) => tf.unsortedSegmentSum(x, ids as tf.Tensor1D, 4),
      );
    }
  });

  it("Segment sums on wasm are the gradient of gathered rows, along any axis", async () => {
    for (const axis of [0, 1]) {
      const x = { shape: [4, 5], values: values([4, 5], seeded(axis)) };
      await sameGradients(
        `axis ${axis}`,
        [x],
        (x) => tf.gather(x, tf.tensor1d([3, 1, 3], "int32"), axis),
      );
    }
  });
});
