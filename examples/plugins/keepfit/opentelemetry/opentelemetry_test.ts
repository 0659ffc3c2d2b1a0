import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { driveEpochs, loadForTest, type LoadForTestOptions } from "keepfit/testing";

const source = new URL("0.1.0/", import.meta.url);
const endpoint = "http://localhost:4318";

for (const tier of ["trusted", "sandboxed"] as const) {
  const load = (more: LoadForTestOptions = {}) =>
    loadForTest(source, { tier, options: { endpoint, serviceName: "mnist" }, ...more });

  describe(`The OpenTelemetry exporter, ${tier}`, () => {
    it("The OpenTelemetry exporter sends gauges for each epoch, and one trace of the run", async () => {
      const { callback, requests } = await load();
      await driveEpochs(callback, { epochs: [{ loss: 2 }, { loss: NaN }] });
      assert.deepEqual(requests.map(({ url }) => url.slice(endpoint.length)), [
        "/v1/metrics",
        "/v1/metrics",
        "/v1/traces",
      ]);
      const { resource, scopeMetrics } = JSON.parse(requests[0].text).resourceMetrics[0];
      assert.deepEqual(resource.attributes, [
        { key: "service.name", value: { stringValue: "mnist" } },
      ]);
      const [loss] = scopeMetrics[0].metrics;
      assert.equal(loss.name, "training.loss");
      assert.equal(loss.gauge.dataPoints[0].asDouble, 2);
      assert.match(loss.gauge.dataPoints[0].timeUnixNano, /^\d{19}$/);
      const { spans } = JSON.parse(requests[2].text).resourceSpans[0].scopeSpans[0];
      assert.deepEqual(spans.map(({ name }: { name: string }) => name), [
        "epoch 0",
        "epoch 1",
        "training",
      ]);
      const [first, second, run] = spans;
      assert.match(run.traceId, /^[0-9a-f]{32}$/);
      assert.match(run.spanId, /^[0-9a-f]{16}$/);
      assert.equal(run.parentSpanId, "");
      assert.equal(first.parentSpanId, run.spanId);
      assert.equal(second.traceId, run.traceId);
      assert.deepEqual(run.status, { code: 1 });
    });

    it("The OpenTelemetry exporter marks a failed run, and tolerates a collector that is down", async () => {
      const failing = await load();
      await driveEpochs(failing.callback, { epochs: [{ loss: 1 }], failAt: 0 });
      const { spans } = JSON.parse(failing.requests[0].text).resourceSpans[0].scopeSpans[0];
      assert.equal(spans[0].status.code, 2);
      const down = await load({ respond: () => new Response("no", { status: 500 }) });
      const { failures } = await driveEpochs(down.callback, { epochs: [{ loss: 1 }, { loss: 1 }] });
      assert.deepEqual(failures, []);
      assert.equal(down.lines.length, 1);
      assert.match(down.lines[0], /\/v1\/metrics: answered 500 no; training continues/);
    });
  });
}
