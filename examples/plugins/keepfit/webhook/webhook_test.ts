import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { driveEpochs, loadForTest, type LoadForTestOptions } from "keepfit/testing";

const source = new URL("0.1.0/", import.meta.url);
const url = "https://hooks.example.com/services/T0/B0";
const epochs = [{ val_loss: 3 }, { val_loss: 2 }, { val_loss: 2.5 }, { val_loss: 1 }];

for (const tier of ["trusted", "sandboxed"] as const) {
  const load = (options: Record<string, unknown>, more: LoadForTestOptions = {}) =>
    loadForTest(source, { tier, options: { url, ...options }, ...more });

  describe(`The webhook, ${tier}`, () => {
    it("The webhook posts a Slack message when training ends", async () => {
      const { callback, requests, lines } = await load({ title: "MNIST" });
      await driveEpochs(callback, { epochs });
      assert.equal(requests.length, 1);
      const [{ method, headers, text }] = requests;
      assert.equal(method, "POST");
      assert.equal(headers["content-type"], "application/json");
      const body = JSON.parse(text);
      assert.match(body.text, /^MNIST: training has ended after \d+ s$/);
      assert.deepEqual(body.attachments[0].fields, [
        { title: "val_loss", value: "1", short: true },
      ]);
      assert.deepEqual(lines, []);
    });

    it("The webhook posts only improvements on request", async () => {
      const { callback, requests } = await load({ events: ["improved"], minSeconds: 0 });
      await driveEpochs(callback, { epochs });
      const texts = requests.map(({ text }) => JSON.parse(text).text);
      assert.deepEqual(texts, [
        "keepfit: val_loss is 2 after epoch 2 of 4",
        "keepfit: val_loss is 1 after epoch 4 of 4",
      ]);
    });

    it("The webhook reports a failure", async () => {
      const { callback, requests } = await load({});
      await driveEpochs(callback, { epochs, failAt: 1 });
      assert.match(JSON.parse(requests[0].text).text, /^keepfit: training has failed: /);
    });

    it("The webhook warns once that the webhook is down, and tolerates it", async () => {
      const options = { events: ["begin", "improved", "end"], minSeconds: 0 };
      const respond = () => new Response("no", { status: 503 });
      const { callback, lines } = await load(options, { respond });
      const { failures } = await driveEpochs(callback, { epochs });
      assert.deepEqual(failures, []);
      assert.deepEqual(lines, ["a message was not delivered: the webhook answered 503"]);
    });

    it("The webhook remembers the best value of an earlier run", async () => {
      const first = await load({ events: ["improved"], minSeconds: 0 });
      await driveEpochs(first.callback, { epochs });
      const second = await load({ events: ["improved"], minSeconds: 0 });
      const state = { best: 1 };
      await second.callback.setState?.(state);
      await driveEpochs(second.callback, { epochs: [{ val_loss: 2 }, { val_loss: 2 }] });
      assert.deepEqual(second.requests, []);
    });
  });
}
