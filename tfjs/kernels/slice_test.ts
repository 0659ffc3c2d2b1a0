import * as tf from "@tensorflow/tfjs";
import { after, describe, it } from "node:test";
import assert from "node:assert/strict";
import { pick, sameGradients, sameOnWasm, seeded, start, values } from "./fixtures.ts";

describe("Parts of tensors on wasm", () => {
  after(() => tf.setBackend("cpu"));

  it("Parts of tensors on wasm equal cpu's for any rank, position and size", async () => {
    for (let seed = 0; seed < 60; seed++) {
      const random = seeded(seed);
      const shape = Array.from({ length: seed % 6 + 1 }, () => pick([1, 2, 3, 5], random));
      const begin = shape.map((length) => Math.floor(random() * length));
      const size = shape.map((length, i) => pick([-1, 1, length - begin[i]], random));
      const input = { shape, values: values(shape, random) };
      await sameGradients(
        `[${size}] of [${shape}] from [${begin}]`,
        [input],
        (x) => tf.slice(x, begin, size),
      );
    }
  });

  it("Parts of tensors on wasm equal cpu's when long, empty or integers", async () => {
    const long = { shape: [3, 50], values: values([3, 50], seeded(1)) };
    await sameOnWasm("long", [long], (x) => x.slice([1, 3], [2, 40]));
    await sameOnWasm("empty", [long], (x) => x.slice([1, 3], [0, 40]));
    const whole = {
      shape: [2, 3],
      values: Int32Array.of(1, 2, 3, 4, 5, 6),
      dtype: "int32" as const,
    };
    await sameOnWasm("int32", [whole], (x) => x.slice([0, 1], [2, 2]));
  });

  it("Parts of tensors on wasm equal cpu's when split and unstacked along each axis", async () => {
    const input = { shape: [4, 2, 6], values: values([4, 2, 6], seeded(2)) };
    for (const axis of [0, 1, 2, -1]) {
      await sameOnWasm(`split along ${axis}`, [input], (x) => tf.split(x, 2, axis));
      await sameOnWasm(`unstack along ${axis}`, [input], (x) => tf.unstack(x, axis));
    }
    await sameOnWasm("uneven", [input], (x) => tf.split(x, [1, -1, 2], 2));
  });

  it("Parts of tensors on wasm may contain text", async () => {
    await start("wasm");
    const x = tf.tensor1d(["a", "b", "c"]);
    assert.deepEqual(tf.tidy(() => x.slice(1, 2).dataSync()), ["b", "c"]);
    assert.deepEqual(tf.tidy(() => tf.unstack(x).map((one) => one.dataSync()[0])), ["a", "b", "c"]);
    x.dispose();
  });

  it("Parts of tensors on wasm are taken without reading the whole tensor", async () => {
    await start("wasm");
    const backend = tf.backend() as unknown as { readSync(...args: unknown[]): unknown };
    const x = tf.ones([4, 4]);
    try {
      backend.readSync = () => assert.fail("read");
      tf.dispose([x.slice([1, 1], [2, 2]), ...tf.split(x, 2), ...tf.unstack(x)]);
    } finally {
      delete (backend as { readSync?: unknown }).readSync;
      x.dispose();
    }
  });

  it("Parts of tensors on wasm outside the tensor are rejected", async () => {
    await start("wasm");
    const x = tf.ones([3]);
    assert.throws(() => x.slice(2, 2), Error);
    x.dispose();
  });
});

describe("Matrix products on wasm", () => {
  after(() => tf.setBackend("cpu"));

  it("Matrix products on wasm equal cpu's with either one transposed, alone, in batches and broadcast over a batch", async () => {
    for (const [left, right] of [[[], []], [[1], []], [[3], [3]], [[3], [1]], [[2, 2], [2, 2]]]) {
      for (const [a, b] of [[false, false], [true, false], [false, true], [true, true]]) {
        const random = seeded(left.length);
        const inputs = [
          [...left, ...a ? [3, 2] : [2, 3]],
          [...right, ...b ? [4, 3] : [3, 4]],
        ].map((shape) => ({ shape, values: values(shape, random) }));
        await sameOnWasm(`[${left}] ${a} [${right}] ${b}`, inputs, (x, y) => tf.matMul(x, y, a, b));
      }
    }
  });
});
