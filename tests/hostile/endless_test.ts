import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type CallbackLike, CallbackList } from "keepfit";
import { load, publish, setUpSite } from "../journeys/plugin_site.ts";

setUpSite();

/** Reads the weights in an endless loop, whether or not a hook is running. */
const storm =
  "(async () => { for (;;) { for (let i = 0; i < 1e5; i++); await context.readWeights(); } })();";

async function loadStorm(body: string, hooks: string[], callTime = 300): Promise<CallbackLike> {
  const main = `export default (options, context) => ({ ${body} });`;
  const url = await publish({ "main.js": main }, {}, { hooks, controls: ["readWeights"] });
  return await load(url, { tier: "sandboxed", limits: { callTime, hookTime: 60_000 } });
}

/** A model that counts reads of its weights. */
function countingModel(): { asked: number; getWeights(): never[] } {
  return {
    asked: 0,
    getWeights() {
      this.asked++;
      return [];
    },
  };
}

/** The limit of one call or the one after all hooks; the machine's speed decides which. */
const tookTooLong = /computed for too long/;

const nextTurn = () => new Promise((resolve) => setTimeout(resolve));

describe("A sandboxed plugin that never stops", () => {
  it("A sandboxed plugin that never stops lets training continue between its hooks, and is ended by its time limit", async () => {
    const plugin = await loadStorm(
      `onTrainBegin() { ${storm} }, onTrainBatchEnd() {}`,
      ["onTrainBegin", "onTrainBatchEnd"],
    );
    const list = new CallbackList([plugin], { model: countingModel() as never });
    await list.onTrainBegin();
    for (let batch = 0; list.failures.length === 0; batch++) {
      await nextTurn();
      await list.onTrainBatchEnd(batch, { loss: 1 });
    }
    assert.match(String(list.failures[0].error), tookTooLong);
    await list.close();
  });

  it("A sandboxed plugin that never stops is reported at the end of the run if none of its hooks is called again", async () => {
    const plugin = await loadStorm(`onTrainBegin() { ${storm} }`, ["onTrainBegin"]);
    const model = countingModel();
    const list = new CallbackList([plugin], { model: model as never });
    await list.onTrainBegin();
    let before = -1;
    while (model.asked > before || before === 0) {
      before = model.asked;
      for (let turn = 0; turn < 20; turn++) await nextTurn();
    }
    assert.equal(list.failures.length, 0);
    await list.close();
    assert.match(String(list.failures[0].error), tookTooLong);
  });

  it("A sandboxed plugin that never stops does not run after it was disabled", async () => {
    const plugin = await loadStorm(
      `onTrainBegin() { ${storm} }, onTrainBatchEnd() { throw new Error("failed"); }`,
      ["onTrainBegin", "onTrainBatchEnd"],
      Infinity,
    );
    const model = countingModel();
    const list = new CallbackList([plugin], { model: model as never });
    await list.onTrainBegin();
    await list.onTrainBatchEnd(0, { loss: 1 });
    await nextTurn();
    const { asked } = model;
    for (let turn = 0; turn < 20; turn++) await nextTurn();
    assert.equal(model.asked, asked);
    await list.close();
    // The next run uses it again.
    const next = new CallbackList([plugin], { model: model as never });
    await next.onTrainBegin();
    assert(model.asked > asked);
    await next.close();
  });

  it("A sandboxed plugin that never stops is ended while it is loaded", async () => {
    const main = `export default async (options, context) => {
      for (;;) {
        context.log("here");
        await context.readWeights().catch(() => {});
      }
    };`;
    const url = await publish({ "main.js": main }, {}, { controls: ["readWeights"] });
    let lines = 0;
    const limits = { hookTime: 500, logLines: 1e9 };
    const loading = load(url, { tier: "sandboxed", limits, log: () => lines++ });
    await assert.rejects(loading, { code: "E_TIMEOUT" });
    const before = lines;
    for (let turn = 0; turn < 20; turn++) await nextTurn();
    assert.equal(lines, before);
  });
});
