import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { addOtherNames, type Logs, normalizeLogs, settleLogs } from "./logs.ts";

describe("normalizeLogs", () => {
  it("normalizeLogs returns a new object with the keys sorted by code point", () => {
    const input = { val_loss: 1, loss: 2, Z: 3, a: 4 };
    const logs = normalizeLogs(input);
    assert.deepEqual(Object.keys(logs), ["Z", "a", "loss", "val_loss"]);
    assert.notEqual(logs, input);
  });

  it("normalizeLogs returns an empty object without logs", () => {
    assert.deepEqual(normalizeLogs(undefined), {});
    assert.deepEqual(normalizeLogs(null), {});
  });

  it("normalizeLogs flattens a nested object in place; the later of two equal keys wins", () => {
    const logs = normalizeLogs({ b: { z: 1, c: 2 }, c: 3, a: 0 });
    assert.deepEqual(Object.entries(logs), [["a", 0], ["c", 3], ["z", 1]]);
  });

  it("normalizeLogs lets an accuracy be read by its other name, without enumerating it", () => {
    const logs = normalizeLogs({ accuracy: 0.5, val_acc: 0.25, out_acc: 1, accurate: 2 });
    assert.equal(logs.acc, 0.5);
    assert.equal(logs.val_accuracy, 0.25);
    assert.equal(logs.out_accuracy, 1);
    assert.deepEqual(Object.keys(logs), ["accurate", "accuracy", "out_acc", "val_acc"].sort());
    assert.equal(JSON.stringify(logs).includes('"acc"'), false);
  });
});

describe("settleLogs", () => {
  const settled = async (input: Record<string, unknown>) => {
    const logs = { ...input } as Logs;
    await settleLogs(logs);
    return logs as Record<string, unknown>;
  };

  it("settleLogs converts booleans and numeric strings to numbers without waiting", () => {
    const list = [1, 2];
    const logs = { a: true, b: false, c: "1e3", d: "x", e: "", f: null, g: list, h: NaN, i: 7n };
    assert.equal(settleLogs(logs as never), undefined);
    assert.deepEqual(logs, { a: 1, b: 0, c: 1000, d: "x", e: "", f: null, g: list, h: NaN, i: 7 });
  });

  it("settleLogs removes undefined values", async () => {
    assert.deepEqual(Object.keys(await settled({ a: undefined, b: 1 })), ["b"]);
  });

  it("settleLogs reads tensors without disposing them: one value becomes a number, several a list", async () => {
    const tensors = { a: tf.scalar(0.5), b: tf.tensor([[3]]), c: tf.tensor([[1, 2], [3, 4]]) };
    assert.deepEqual(await settled(tensors), { a: 0.5, b: 3, c: [[1, 2], [3, 4]] });
    assert.deepEqual(await settled({ a: tf.scalar(true, "bool") }), { a: 1 });
    assert.deepEqual(await settled({ a: tf.scalar("0.25", "string") }), { a: 0.25 });
    assert.ok(Object.values(tensors).every(({ isDisposed }) => !isDisposed));
  });

  it("settleLogs converts typed arrays to lists, or to a number if they have one value", async () => {
    const logs = {
      a: new Float32Array([0.5, 0.25]),
      b: new Int32Array([3]),
      c: new Float32Array(),
    };
    assert.deepEqual(await settled(logs), { a: [0.5, 0.25], b: 3, c: [] });
  });

  it("settleLogs awaits promises, even of tensors", async () => {
    const logs = {
      a: Promise.resolve(1),
      b: Promise.resolve(tf.scalar(2)),
      c: tf.scalar(3).data(),
    };
    assert.deepEqual(await settled(logs), { a: 1, b: 2, c: 3 });
  });

  it("settleLogs names the key of an unreadable value", async () => {
    const gone = tf.scalar(1);
    gone.dispose();
    await assert.rejects(
      settled({ f1: gone }),
      /^TypeError: Cannot read 'f1' of the logs: .*dispos/,
    );
    const refused = Promise.reject(new Error("no server"));
    await assert.rejects(settled({ f2: refused }), /Cannot read 'f2' of the logs: no server/);
  });
});

describe("addOtherNames", () => {
  it("addOtherNames keeps a plain object for spread, JSON, enumeration and deep equality", () => {
    const logs = addOtherNames<Record<string, number>>({ accuracy: 0.5, loss: 1 });
    const enumerated: string[] = [];
    for (const name in logs) enumerated.push(name);
    assert.deepEqual(enumerated, ["accuracy", "loss"]);
    assert.deepEqual(logs, { accuracy: 0.5, loss: 1 });
    assert.deepEqual(Object.getOwnPropertyNames({ ...logs }), ["accuracy", "loss"]);
    assert.equal(JSON.stringify(logs), '{"accuracy":0.5,"loss":1}');
    assert.equal(Object.hasOwn(logs, "acc"), true);
  });

  it("addOtherNames gives each object its own value, and changes only one by assignment", () => {
    const [one, two] = [1, 2].map((acc) => addOtherNames<Record<string, number>>({ acc }));
    assert.deepEqual([one.accuracy, two.accuracy], [1, 2]);
    one.accuracy = 5;
    assert.deepEqual([one.accuracy, two.accuracy], [5, 2]);
    const frozen = Object.freeze(two);
    assert.throws(() => Object.assign(frozen, { accuracy: 3 }), TypeError);
    assert.equal(frozen.accuracy, 2);
  });

  it("addOtherNames follows the enumerable value", () => {
    const logs = addOtherNames<Record<string, number>>({ acc: 1 });
    logs.acc = 2;
    assert.equal(logs.accuracy, 2);
  });

  it("addOtherNames separates two enumerable keys", () => {
    assert.deepEqual(Object.entries(addOtherNames({ acc: 1, accuracy: 2 })), [
      ["acc", 1],
      ["accuracy", 2],
    ]);
  });

  it("addOtherNames adds a separate key when the other name is assigned", () => {
    const logs = addOtherNames<Record<string, number>>({ acc: 1 });
    logs.accuracy = 5;
    assert.deepEqual({ ...logs }, { acc: 1, accuracy: 5 });
  });
});
