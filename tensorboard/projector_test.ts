import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { memoryFileSystem } from "../runtime/mod.ts";
import { projectorConfig, writeEmbedding } from "./projector.ts";

describe("writeEmbedding", () => {
  it("writeEmbedding writes vectors and columns of labels as tables, and their location", async () => {
    const fs = memoryFileSystem();
    const info = await writeEmbedding("/logs/run", {
      name: "model/words:0",
      shape: [2, 2],
      values: Float64Array.of(1, -0.5, NaN, -Infinity),
      metadata: { word: ["a\tb", "c\nd"], length: [1, 2] },
    }, { fs });
    assert.deepEqual(info, {
      tensorName: "model/words:0",
      tensorPath: "model_words_0.tsv",
      tensorShape: [2, 2],
      metadataPath: "model_words_0_metadata.tsv",
    });
    assert.equal(await fs.readTextFile("/logs/run/model_words_0.tsv"), "1\t-0.5\nNaN\t-inf\n");
    assert.equal(
      await fs.readTextFile("/logs/run/model_words_0_metadata.tsv"),
      "word\tlength\na b\t1\nc d\t2\n",
    );
  });

  it("writeEmbedding writes a single column of labels without a heading, even if it has a name", async () => {
    for (const metadata of [["x", "y"], { word: ["x", "y"] }]) {
      const fs = memoryFileSystem();
      await writeEmbedding("/", { name: "a", shape: [2, 1], values: [1, 2], metadata }, { fs });
      assert.equal(await fs.readTextFile("/a_metadata.tsv"), "x\ny\n");
    }
  });

  it("writeEmbedding writes vectors as float32 on request", async () => {
    const fs = memoryFileSystem();
    const embedding = { name: "a", shape: [1, 3], values: [1, -0.5, 1e9] } as const;
    const info = await writeEmbedding("/", embedding, { fs, format: "bytes" });
    assert.equal(info.tensorPath, "a.bytes");
    assert.equal(info.metadataPath, undefined);
    const bytes = await fs.readFile("/a.bytes");
    assert.deepEqual([...new Float32Array(bytes.slice().buffer)], [1, -0.5, 1e9]);
  });

  it("writeEmbedding accepts names with characters that are special in a URL", async () => {
    const fs = memoryFileSystem();
    const embedding = { name: "a?50%#b c", shape: [1, 1], values: [1] } as const;
    const info = await writeEmbedding(new URL("file:///logs"), embedding, { fs });
    assert.equal(info.tensorPath, "a?50%#b c.tsv");
    assert.equal(await fs.readTextFile("/logs/a?50%#b c.tsv"), "1\n");
  });

  it("writeEmbedding rejects inconsistent data before it writes anything", async () => {
    const fs = memoryFileSystem();
    await assert.rejects(
      writeEmbedding("/", { name: "a", shape: [2, 2], values: [1, 2, 3] }, { fs }),
      { name: "RangeError", message: /shape \[2,2\] with 3 values: there must be 4/ },
    );
    const metadata = { word: ["x", "y"], length: [1] };
    await assert.rejects(
      writeEmbedding("/", { name: "a", shape: [2, 1], values: [1, 2], metadata }, { fs }),
      { name: "RangeError", message: /2 rows with 1 labels in length: there must be 2/ },
    );
    assert.deepEqual(await fs.readDir("/"), []);
  });
});

describe("projectorConfig", () => {
  it("projectorConfig escapes characters that would end a string", () => {
    assert.equal(
      projectorConfig([{ tensorName: 'a"b\\c\u0001' }]),
      'embeddings {\n  tensor_name: "a\\"b\\\\c\\001"\n}\n',
    );
    assert.equal(projectorConfig([]), "");
  });
});
