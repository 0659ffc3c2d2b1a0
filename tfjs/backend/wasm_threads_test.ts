import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { describeBackend, getRuntime, useBackend } from "keepfit/runtime";
import { startChild } from "../../tests/child.ts";
import { sameGradients, sameOnWasm, seeded, values } from "../kernels/fixtures.ts";

const threadedFile = "tfjs-backend-wasm-threaded-simd.wasm";

/** Set wasm with a number of threads; throws if it does not get them. */
async function use(threads: number): Promise<void> {
  assert.deepEqual(await useBackend(tf, "wasm", { threads }), { backend: "wasm", reasons: [] });
  assert.equal(describeBackend(tf).wasm?.threads, threads);
}

/** What a process prints in which wasm has never started. */
async function printed(script: string, permissions?: string[]): Promise<string[]> {
  const { stdout, stderr, code } = await startChild(
    `
    import * as tf from ${JSON.stringify(import.meta.resolve("@tensorflow/tfjs"))};
    import { describeBackend, useBackend } from "keepfit/runtime";
    const tell = async (options) => {
      const { backend, reasons } = await useBackend(tf, "wasm", options);
      const { wasm } = describeBackend(tf);
      console.log(["told", backend, wasm?.threads, ...reasons.map(({ reason }) => reason)].join(" "));
    };
    ${script}
  `,
    { permissions },
  ).result;
  assert.equal(code, 0, stderr);
  return stdout.split("\n").filter((line) => line.startsWith("told ")).map((line) => line.slice(5));
}

describe("wasm with threads", () => {
  after(async () => {
    await useBackend(tf, "wasm", { threads: 1 });
    await tf.setBackend("cpu");
  });

  it("wasm with threads computes the same as cpu, for small and large tensors", async () => {
    await use(3);
    const random = seeded(3);
    const input = (...shape: number[]) => ({ shape, values: values(shape, random) });
    await sameGradients("dense", [input(70, 130), input(130, 90)], (a, b) => tf.matMul(a, b));
    await sameGradients(
      "convolution",
      [input(4, 18, 18, 5), input(3, 3, 5, 20)],
      (x, filter) => tf.conv2d(x as tf.Tensor4D, filter as tf.Tensor4D, 1, "same"),
    );
    await sameGradients(
      "pooling",
      [input(4, 20, 20, 8)],
      (x) => tf.maxPool(x as tf.Tensor4D, 2, 2, "valid"),
    );
    await sameOnWasm("softmax", [input(200, 300)], (x) => tf.softmax(x));
    await sameOnWasm(
      "much",
      [input(3000, 1100)],
      (x) => [x.sigmoid(), x.slice([7], [2000]), x.sum()],
    );
  });

  it("wasm with threads changes the number of threads when asked to, and keeps tensors", async () => {
    await use(1);
    const x = tf.tensor([1, 2, 3]);
    const made = [x];
    for (const threads of [2, 3, 1, 2]) {
      await use(threads);
      made.push(tf.add(made[made.length - 1], 1));
    }
    await useBackend(tf, "cpu");
    assert.deepEqual(made.map((tensor) => [...tensor.dataSync()][2]), [3, 4, 5, 6, 7]);
    assert.deepEqual([...tf.add(x, 0).dataSync()], [1, 2, 3]);
    tf.dispose(made);
  });

  it("wasm with threads keeps the number of threads by default", async () => {
    await use(2);
    const backend = tf.backend();
    await useBackend(tf, "cpu");
    await useBackend(tf, "wasm");
    assert.equal(tf.backend(), backend);
    await use(2);
    assert.equal(tf.backend(), backend);
    assert.match(describeBackend(tf).text, /^WebAssembly: SIMD, 2 threads$/m);
  });

  it("wasm with threads treats more than eight threads as eight", async () => {
    await useBackend(tf, "wasm", { threads: 100 });
    assert.equal(describeBackend(tf).wasm?.threads, 8);
    const backend = tf.backend();
    await useBackend(tf, "wasm", { threads: 100 });
    assert.equal(tf.backend(), backend);
  });

  it("wasm with threads continues without threads if their file cannot be fetched, and gives the reason", async () => {
    await use(1);
    const wasmPaths = { [threadedFile]: "nowhere.wasm" };
    const { numTensors } = tf.memory();
    const { backend, reasons } = await useBackend(tf, "wasm", { threads: 2, wasmPaths });
    assert.equal(backend, "wasm");
    assert.equal(describeBackend(tf).wasm?.threads, 1);
    assert.match(reasons[0].reason, /^2 threads: Cannot read nowhere\.wasm: no such file/);
    assert.deepEqual(reasons.map(({ backend }) => backend), ["wasm"]);
    assert.equal(tf.memory().numTensors, numTensors);
    const { reasons: again } = await useBackend(tf, "wasm", { threads: 2, wasmPaths: {} });
    assert.match(again[0].reason, /^2 threads: wasmPaths has no entry for tfjs-backend-wasm-thr/);
    await use(2);
  });

  it("wasm with threads continues without threads if a worker fails or ends, and gives the reason", async () => {
    const threads = process.getBuiltinModule("node:worker_threads");
    const { Worker } = threads;
    const broken = {
      "throw new Error('no luck')": /^2 threads: .*no luck/,
      "process.exit(0)": /^2 threads: a thread ended before it had started$/,
    };
    await use(1);
    for (const [script, wanted] of Object.entries(broken)) {
      threads.Worker = class extends Worker {
        constructor() {
          super(new URL(`data:text/javascript,${script}`));
        }
      };
      try {
        const { backend, reasons } = await useBackend(tf, "wasm", { threads: 2 });
        assert.equal(backend, "wasm");
        assert.equal(reasons.length, 1);
        assert.match(reasons[0].reason, wanted);
      } finally {
        threads.Worker = Worker;
      }
      assert.equal(describeBackend(tf).wasm?.threads, 1);
    }
    await use(2);
  });

  it("wasm with threads ends the threads with the backend and with another number, without process listeners", async () => {
    const lines = await printed(`
      const mine = () => {};
      process.on("uncaughtException", mine);
      const changes = [
        () => useBackend(tf, "wasm", { threads: 1 }),
        () => useBackend(tf, "wasm", { threads: 3 }),
        () => tf.removeBackend("wasm"),
      ];
      await useBackend(tf, "wasm", { threads: 2 });
      for (const change of changes) {
        const ended = Object.values(tf.backend().wasm.PThread?.pthreads ?? {})
          .map((worker) => new Promise((resolve) => worker.once("exit", resolve)));
        await change();
        const timer = setTimeout(() => process.exit(1), 60_000);
        await Promise.all(ended);
        clearTimeout(timer);
        console.log("told", ended.length, process.listeners("uncaughtException").includes(mine));
      }
    `);
    assert.deepEqual(lines, ["1 true", "0 true", "2 true"]);
  });

  it("wasm with threads ends those of keepfit's kernels with the backend and with another number", async () => {
    const lines = await printed(`
      const threads = process.getBuiltinModule("node:worker_threads");
      let started = 0;
      const ends = [];
      const watched = (Worker, event, add) =>
        class extends Worker {
          constructor(url, options) {
            super(url, options);
            if (!String(url).includes("TaskQueue")) return;
            started++;
            ends.push(new Promise((resolve) => this[add](event, resolve)));
          }
        };
      if (process.versions.bun) globalThis.Worker = watched(Worker, "close", "addEventListener");
      else threads.Worker = watched(threads.Worker, "exit", "once");
      const changes = [
        () => useBackend(tf, "wasm", { threads: 1 }),
        () => tf.removeBackend("wasm"),
      ];
      for (const change of changes) {
        await useBackend(tf, "wasm", { threads: 3 });
        const before = started;
        await change();
        const timer = setTimeout(() => process.exit(1), 60_000);
        await Promise.all(ends);
        clearTimeout(timer);
        console.log("told", before, started);
      }
    `);
    assert.deepEqual(lines, ["2 2", "4 4"]);
  });

  it("wasm with threads continues without threads if those of keepfit's kernels fail or end, and gives the reason", async () => {
    const [start, rest] = ["a thread of keepfit's kernels failed:", "wasm 1 2 threads:"];
    for (
      const [script, reason] of [["throw new Error('no luck')", "no luck"], [
        "process.exit(3)",
        "it exited",
      ]]
    ) {
      const [told, unfinished] = await printed(`
        const threads = process.getBuiltinModule("node:worker_threads");
        const ended = [];
        const broken = (Worker) =>
          class extends Worker {
            constructor(url, options) {
              const isOurs = String(url).includes("TaskQueue");
              super(isOurs ? new URL(${
        JSON.stringify(`data:text/javascript,${script}`)
      }) : url, options);
              if (!isOurs) ended.push(new Promise((resolve) => this.once("exit", resolve)));
            }
          };
        if (process.versions.bun) globalThis.Worker = broken(Worker);
        threads.Worker = broken(threads.Worker);
        await tell({ threads: 2 });
        // Threads that are ending do not keep the process alive.
        const alive = setInterval(() => {}, 1000);
        await Promise.all(ended);
        clearInterval(alive);
        console.log("told", ended.length);
      `);
      assert.ok(told.startsWith(`${rest} ${start} ${reason}`), told);
      assert.equal(unfinished, "1");
    }
  });

  it("wasm with threads continues without threads where memory cannot be shared, and gives the reason", async () => {
    const [told] = await printed(`
      delete globalThis.SharedArrayBuffer;
      await tell({ threads: 2 });
    `);
    assert.match(told, /^wasm 1 2 threads: .*SharedArrayBuffer/);
  });

  it("wasm with threads restores the global and the process, which ends normally", async () => {
    const lines = await printed(`
      const { Worker } = globalThis;
      const events = ["uncaughtException", "unhandledRejection"];
      const count = () => events.map((event) => process.listenerCount(event)).join();
      const before = count();
      await tell({ threads: 2 });
      const model = tf.sequential({ layers: [tf.layers.dense({ units: 64, inputShape: [256] })] });
      model.compile({ loss: "meanSquaredError", optimizer: "sgd" });
      const { history } = await model.fit(tf.ones([256, 256]), tf.ones([256, 64]), { verbose: 0 });
      console.log("told", count() === before, Worker === globalThis.Worker, history.loss[0] > 0);
    `);
    assert.deepEqual(lines, ["wasm 2", "true true true"]);
  });

  it("wasm with threads needs only the permission to read the file", async () => {
    if (getRuntime().name !== "deno") return console.log("skipped: only Deno has permissions");
    assert.deepEqual(await printed("await tell({ threads: 2 })", ["--allow-read"]), ["wasm 2"]);
    const [refused] = await printed(
      `await tell({ threads: 2 }).catch(({ message }) => console.log("told", message))`,
      ["--deny-read"],
    );
    assert.match(refused, /^Cannot use backend wasm: Deno may not read .*--allow-read=/);
  });
});
