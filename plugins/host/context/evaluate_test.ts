import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { TrainableModel, WeightTensor } from "../../../core/model.ts";
import { contextWith, entryWith, refusal } from "../../fixtures.ts";
import { evaluator } from "./evaluate.ts";

/** The used part of a tensor. */
function tensor(...values: number[]): WeightTensor {
  const data = Float32Array.from(values);
  return {
    shape: [values.length],
    dtype: "float32",
    data: () => Promise.resolve(data),
    dataSync: () => data,
    clone: () => tensor(...values),
    dispose() {},
  } as unknown as WeightTensor;
}

describe("evaluate and readWeights of a context", () => {
  it("evaluate returns copies in each call", async () => {
    const evaluate = evaluator({ x: tensor(1), y: tensor(5) });
    const model = { predict: () => tensor(7) } as unknown as TrainableModel;
    const first = await evaluate(model);
    first.targets[0].values[0] = 99;
    first.targets[0].shape[0] = 99;
    first.targets.length = 0;
    const { targets: [target] } = await evaluate(model);
    assert.deepEqual([target.values[0], target.shape], [5, [1]]);
  });

  it("readWeights limits the number of pending calls", async () => {
    const { context, run } = contextWith({ entry: entryWith({ controls: ["readWeights"] }) });
    run.model = { getWeights: () => [tensor(1)] } as unknown as TrainableModel;
    const all = Array.from({ length: 4 }, () => context.readWeights?.());
    await refusal("E_LIMIT", () => context.readWeights?.(), /await the promises/);
    assert.equal((await Promise.all(all)).length, 4);
    assert.equal((await context.readWeights?.())?.length, 1);
  });
});
