import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { driveEpochs, loadForTest } from "keepfit/testing";

const source = new URL("0.1.0/", import.meta.url);

for (const tier of ["trusted", "sandboxed"] as const) {
  describe(`The Prometheus endpoint, ${tier}`, () => {
    it("The Prometheus endpoint serves metrics only while training runs", async () => {
      const { callback, lines } = await loadForTest(source, {
        tier,
        allow: ["listen"],
        options: { address: "127.0.0.1:0", labels: { run: 'a "b"' }, everyBatches: 1 },
      });
      const pages: string[] = [];
      let url = "";
      const { failures } = await driveEpochs([callback, {
        async onEpochEnd() {
          url = /http:\S+$/.exec(lines[0])?.[0] ?? "";
          const response = await fetch(url);
          assert.match(response.headers.get("content-type") ?? "", /^text\/plain; version=0\.0\.4/);
          pages.push(await response.text());
        },
      }], { epochs: [{ loss: 2, val_loss: 3 }, { loss: NaN, val_loss: Infinity }] });
      assert.deepEqual(failures, []);
      const label = `run="a \\"b\\""`;
      assert(pages[0].includes(`keepfit_loss{${label},split="training"} 2\n`), pages[0]);
      assert(pages[0].includes(`keepfit_loss{${label},split="validation"} 3\n`));
      assert(pages[1].includes(`keepfit_loss{${label},split="training"} NaN\n`));
      assert(pages[1].includes(`keepfit_loss{${label},split="validation"} +Inf\n`));
      assert(pages[1].includes(`keepfit_epoch{${label}} 2\n`));
      assert(pages[1].includes(`keepfit_epochs_total{${label}} 2\n`));
      assert(pages[1].includes(`keepfit_batches_total{${label}} 4\n`));
      assert(pages[1].includes(`keepfit_running{${label}} 1\n`));
      // Each name is declared once, before its samples.
      const types = pages[1].match(/^# TYPE \S+/gm) ?? [];
      assert.equal(new Set(types).size, types.length);
      await assert.rejects(fetch(url));
    });
  });
}
