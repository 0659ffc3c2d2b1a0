import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type KernelRun, kernelTable, kernelTotals, traceJson } from "./trace.ts";

function run(name: string, start: number, millis: number, hostMillis = millis): KernelRun {
  return { name, start, millis, hostMillis, inputShapes: [[2, 3]], outputShapes: [[2]] };
}

describe("kernelTotals", () => {
  it("kernelTotals adds up the runs of each kernel, longest total first", () => {
    assert.deepEqual(kernelTotals([run("Add", 0, 1), run("MatMul", 1, 6), run("Add", 7, 1)]), [
      { name: "MatMul", calls: 1, millis: 6, share: 0.75 },
      { name: "Add", calls: 2, millis: 2, share: 0.25 },
    ]);
  });

  it("kernelTotals returns shares of 0 without measured times", () => {
    assert.deepEqual(kernelTotals([run("Add", 0, 0)]), [
      { name: "Add", calls: 1, millis: 0, share: 0 },
    ]);
    assert.deepEqual(kernelTotals([]), []);
  });
});

describe("kernelTable", () => {
  it("kernelTable returns a table in Markdown", () => {
    const [, , row] = kernelTable(kernelTotals([run("Add", 0, 1), run("Add", 2, 2)])).split("\n");
    assert.equal(row, "| Add | 2 | 3.000 | 1.5000 | 100.0 % |");
  });
});

describe("traceJson", () => {
  it("traceJson contains a slice in microseconds for each batch and each kernel, on named tracks", () => {
    const trace = JSON.parse(traceJson({
      backend: "cpu",
      kernels: [run("Relu", 2, 1, 3)],
      batches: [{ batch: 7, start: 1, millis: 5 }],
      peakBytes: 0,
    }));
    const named = trace.traceEvents
      .filter(({ ph }: { ph: string }) => ph === "M")
      .map(({ args }: { args: { name: string } }) => args.name);
    assert.deepEqual(named, ["TensorFlow.js (cpu)", "batches", "kernels"]);
    const [batch, kernel] = trace.traceEvents.filter(({ ph }: { ph: string }) => ph === "X");
    assert.deepEqual([batch.name, batch.ts, batch.dur, batch.tid], ["batch 7", 1000, 5000, 1]);
    assert.deepEqual([kernel.name, kernel.ts, kernel.dur, kernel.tid], ["Relu", 2000, 3000, 2]);
    assert.deepEqual(kernel.args, { inputShapes: [[2, 3]], outputShapes: [[2]], millis: 1 });
  });
});
