import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import {
  loadWeights,
  type NamedTensor,
  readSafetensors,
  saveSafetensors,
  writeSafetensors,
} from "./mod.ts";
import { type FileSystem, memoryFileSystem } from "../runtime/mod.ts";

function makeModel(units = 3): tf.Sequential {
  return tf.sequential({
    layers: [
      tf.layers.dense({ units, inputShape: [2], name: "hidden" }),
      tf.layers.dense({ units: 1, name: "out" }),
    ],
  });
}

function valuesOf(model: tf.LayersModel): number[][] {
  return model.getWeights().map((weight) => Array.from(weight.dataSync()));
}

/** A file system with a file of this header and data. */
async function fileOf(header: string, data: number[] = []): Promise<FileSystem> {
  const json = new TextEncoder().encode(header);
  const bytes = new Uint8Array(8 + json.length + data.length);
  bytes[0] = json.length;
  bytes.set(json, 8);
  bytes.set(data, 8 + json.length);
  const fs = memoryFileSystem();
  await fs.writeFile("x.safetensors", bytes);
  return fs;
}

const everyKind: NamedTensor[] = [
  { name: "bool", shape: [3], dtype: "bool", values: Uint8Array.of(1, 0, 1) },
  { name: "float32", shape: [2, 2], values: Float32Array.of(0.5, NaN, -Infinity, 1e-40) },
  { name: "int32", shape: [], values: Int32Array.of(-5) },
  { name: "float64", shape: [1], values: Float64Array.of(0.1) },
  { name: "int64", shape: [1], values: BigInt64Array.of(-(2n ** 60n)) },
  { name: "uint64", shape: [1], values: BigUint64Array.of(2n ** 63n) },
  { name: "uint32", shape: [1], values: Uint32Array.of(2 ** 32 - 1) },
  { name: "int16", shape: [1], values: Int16Array.of(-300) },
  { name: "uint16", shape: [1], values: Uint16Array.of(65535) },
  { name: "int8", shape: [1], values: Int8Array.of(-1) },
  { name: "uint8", shape: [1], values: Uint8Array.of(200) },
  { name: "empty", shape: [0, 4], values: new Float32Array(0) },
];

describe("writeSafetensors", () => {
  it("writeSafetensors writes the expected bytes", async () => {
    const fs = memoryFileSystem();
    await writeSafetensors("x.safetensors", [
      { name: "a", shape: [1], dtype: "bool", values: Uint8Array.of(1) },
      { name: "b", shape: [2, 1], values: Float32Array.of(1, -2) },
    ], { fs, metadata: { by: "me" } });
    const header = '{"__metadata__":{"by":"me","keepfit.crc32c":"CRC"},' +
      '"b":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},' +
      '"a":{"dtype":"BOOL","shape":[1],"data_offsets":[8,9]}}';
    const written = await fs.readFile("x.safetensors");
    const sum = /"keepfit.crc32c":"(\d+)"/.exec(new TextDecoder().decode(written))![1];
    const whole = header.replace("CRC", sum);
    const padded = whole.padEnd(Math.ceil(whole.length / 8) * 8);
    const length = [padded.length, 0, 0, 0, 0, 0, 0, 0];
    assert.ok(padded.length < 256);
    assert.deepEqual(Array.from(written), [
      ...length,
      ...new TextEncoder().encode(padded),
      ...[0x00, 0x00, 0x80, 0x3f, 0x00, 0x00, 0x00, 0xc0],
      ...[0x01],
    ]);
  });

  it("writeSafetensors keeps every numeric type, and metadata", async () => {
    const fs = memoryFileSystem();
    const metadata = { note: "häßlich \"'\n" };
    await writeSafetensors("x.safetensors", everyKind, { fs, metadata });
    const content = await readSafetensors("x.safetensors", { fs });
    assert.deepEqual(content.metadata, metadata);
    const byName = new Map(content.tensors.map((tensor) => [tensor.name, tensor]));
    assert.equal(byName.size, everyKind.length);
    for (const { name, shape, dtype, values } of everyKind) {
      const kind = dtype ?? (name === "empty" ? "float32" : name);
      assert.deepEqual(byName.get(name), { name, shape, dtype: kind, values });
    }
  });

  it("writeSafetensors writes a part of a larger buffer", async () => {
    const fs = memoryFileSystem();
    const values = Float32Array.of(1, 2, 3).subarray(1);
    await writeSafetensors("x.safetensors", [{ name: "a", shape: [2], values }], { fs });
    const { tensors } = await readSafetensors("x.safetensors", { fs });
    assert.deepEqual(tensors[0].values, Float32Array.of(2, 3));
  });

  it("writeSafetensors rejects duplicate names, values that do not match their shape, and other dtypes", async () => {
    const fs = memoryFileSystem();
    const values = Float32Array.of(1);
    const write = (...tensors: NamedTensor[]) => writeSafetensors("x.safetensors", tensors, { fs });
    const one = { name: "a", shape: [1], values };
    await assert.rejects(
      write(one, one),
      /Cannot save x.safetensors: two tensors have the name 'a'/,
    );
    await assert.rejects(write({ ...one, shape: [2] }), /'a' has 1 values, its shape \[2\] 2/);
    await assert.rejects(write({ ...one, dtype: "string" }), /'a' is string, which safetensors/);
    await assert.rejects(write({ ...one, values: [1] as never }), TypeError);
    assert.deepEqual(await fs.readDir("."), []);
  });
});

describe("readSafetensors", () => {
  const entry = (offsets: string, dtype = "F32", shape = "[1]") =>
    `{"a":{"dtype":"${dtype}","shape":${shape},"data_offsets":${offsets}}}`;
  const damaged: [what: string, header: string, data: number[], message: RegExp][] = [
    ["a header that is not JSON", "{", [], /its header is not JSON/],
    ["a header that is not an object", "[]", [], /its header is not an object/],
    ["data that ends too early", entry("[0,4]"), [1, 2], /it has 2 bytes of data, expected 4/],
    [
      "data that belongs to no tensor",
      entry("[0,4]"),
      [1, 2, 3, 4, 5],
      /it has 5 bytes of data, expected 4/,
    ],
    ["a hole", entry("[4,8]"), [0, 0, 0, 0, 0, 0, 0, 0], /'a' is at 4 to 8, expected 0 to 4/],
    ["a size of another shape", entry("[0,8]"), [], /'a' is at 0 to 8, expected 0 to 4/],
    ["no offsets", `{"a":{"dtype":"F32","shape":[1]}}`, [], /'a' has no dtype, shape and/],
    ["a negative length", entry("[0,4]", "F32", "[-1]"), [], /'a' has no dtype, shape and/],
    ["numbers without an array", entry("[0,2]", "BF16"), [0, 0], /'a' is BF16, expected one of/],
  ];
  for (const [what, header, data, message] of damaged) {
    it(`readSafetensors reports ${what}`, async () => {
      const fs = await fileOf(header, data);
      await assert.rejects(readSafetensors("x.safetensors", { fs }), message);
    });
  }

  it("readSafetensors reports a file that ends in its header", async () => {
    const fs = memoryFileSystem();
    await writeSafetensors("x.safetensors", everyKind, { fs });
    const whole = await fs.readFile("x.safetensors");
    for (const length of [0, 7, 8, 50]) {
      await fs.writeFile("x.safetensors", whole.slice(0, length));
      await assert.rejects(readSafetensors("x.safetensors", { fs }), /truncated/);
    }
  });

  it("readSafetensors reports a missing file", async () => {
    const fs = memoryFileSystem();
    await assert.rejects(readSafetensors("x.safetensors", { fs }), { code: "NotFound" });
  });
});

describe("saveSafetensors", () => {
  it("saveSafetensors saves only weights, which loadWeights restores", async () => {
    const fs = memoryFileSystem();
    const [model, fresh] = [makeModel(), makeModel()];
    await saveSafetensors(model, "x.safetensors", { fs, metadata: { epoch: "3" } });
    const { tensors, metadata } = await readSafetensors("x.safetensors", { fs });
    assert.deepEqual(metadata, { epoch: "3" });
    assert.deepEqual(tensors.map(({ name, shape }) => [name, shape]), [
      ["hidden/kernel", [2, 3]],
      ["hidden/bias", [3]],
      ["out/kernel", [3, 1]],
      ["out/bias", [1]],
    ]);
    assert.deepEqual(await loadWeights(fresh, "x.safetensors", { fs }), { optimizer: false });
    assert.deepEqual(valuesOf(fresh), valuesOf(model));
  });

  it("saveSafetensors passes the values on one by one, without a copy", async () => {
    const model = makeModel();
    const memory = memoryFileSystem();
    const parts: ArrayBufferLike[] = [];
    const fs: FileSystem = {
      ...memory,
      async writeFile(_path, data) {
        for await (const part of data as AsyncIterable<Uint8Array>) parts.push(part.buffer);
      },
    };
    await saveSafetensors(model, "x.safetensors", { fs });
    // On the cpu backend these are the live values.
    const values = model.getWeights().map((weight) => weight.dataSync().buffer);
    assert.equal(parts.length, 1 + values.length);
    values.forEach((buffer, i) => assert.ok(parts[i + 1] === buffer));
  });

  it("saveSafetensors saves the model at the time of the call, even if training continues", async () => {
    const fs = memoryFileSystem();
    const model = makeModel();
    model.compile({ optimizer: "sgd", loss: "meanSquaredError" });
    const before = valuesOf(model);
    const saving = saveSafetensors(model, "x.safetensors", { fs });
    await model.trainOnBatch(tf.ones([1, 2]), tf.ones([1, 1]));
    await saving;
    assert.notDeepEqual(valuesOf(model), before);
    await loadWeights(model, "x.safetensors", { fs });
    assert.deepEqual(valuesOf(model), before);
  });

  it("loadWeights changes nothing if the weights belong to another model", async () => {
    const fs = memoryFileSystem();
    const fresh = makeModel(4);
    const before = valuesOf(fresh);
    await saveSafetensors(makeModel(), "x.safetensors", { fs });
    await assert.rejects(
      loadWeights(fresh, "x.safetensors", { fs }),
      /'hidden\/kernel' was saved as float32\[2,3\], the model has float32\[2,4\]/,
    );
    await writeSafetensors("x.safetensors", [
      { name: "hidden/kernel", shape: [2, 4], values: new Float64Array(8) },
      { name: "hidden/bias", shape: [4], values: new Float32Array(4) },
      { name: "out/kernel", shape: [4, 1], values: new Float32Array(4) },
      { name: "out/bias", shape: [1], values: new Float32Array(1) },
    ], { fs });
    await assert.rejects(loadWeights(fresh, "x.safetensors", { fs }), /was saved as float64/);
    assert.deepEqual(valuesOf(fresh), before);
  });

  it("saveSafetensors keeps the old file when the new one cannot be written, and leaks no tensor", async () => {
    const fs = memoryFileSystem();
    const model = makeModel();
    await saveSafetensors(model, "x.safetensors", { fs });
    const whole = await fs.readFile("x.safetensors");
    const before = tf.memory().numTensors;
    await assert.rejects(saveSafetensors(model, "nowhere/x.safetensors", { fs }), {
      code: "NotFound",
    });
    await saveSafetensors(model, "x.safetensors", { fs });
    assert.deepEqual(await fs.readFile("x.safetensors"), whole);
    assert.equal(tf.memory().numTensors, before);
  });

  it("saveSafetensors rejects a value that is not a model", async () => {
    await assert.rejects(saveSafetensors({} as tf.LayersModel, "x"), TypeError);
  });
});

const python = process.env.KEEPFIT_PYTHON;

describe("safetensors in Python", () => {
  const skip = python === undefined
    ? "set KEEPFIT_PYTHON to a Python that has safetensors and numpy"
    : false;
  it("safetensors in Python has the same values in both directions", { skip }, async () => {
    const directory = await mkdtemp(join(tmpdir(), "keepfit-"));
    try {
      const [ours, theirs] = ["ours", "theirs"].map((name) =>
        join(directory, `${name}.safetensors`)
      );
      await writeSafetensors(ours, everyKind, { metadata: { by: "keepfit" } });
      const script = [
        "import sys",
        "from safetensors import safe_open",
        "from safetensors.numpy import load_file, save_file",
        "tensors = load_file(sys.argv[1])",
        "print({name: (str(t.dtype), t.shape, t.tobytes().hex()) for name, t in tensors.items()})",
        "metadata = safe_open(sys.argv[1], 'numpy').metadata()",
        "save_file(tensors, sys.argv[2], metadata)",
      ].join("\n");
      const printed = execFileSync(python!, ["-c", script, ours, theirs], { encoding: "utf8" });
      assert.match(printed, /'float32': \('float32', \(2, 2\), '0000003f/);
      assert.match(printed, /'bool': \('bool', \(3,\), '010001'\)/);
      const [written, read] = await Promise.all(
        [ours, theirs].map((path) => readSafetensors(path)),
      );
      const sorted = ({ tensors }: typeof read) =>
        tensors.toSorted((a, b) => a.name < b.name ? -1 : 1);
      assert.deepEqual(sorted(read), sorted(written));
      assert.deepEqual(read.metadata, { by: "keepfit" });
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});
