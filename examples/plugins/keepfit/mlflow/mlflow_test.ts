import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { driveEpochs, loadForTest } from "keepfit/testing";
import { MlflowServer } from "./mlflow_server.ts";

const source = new URL("0.1.0/", import.meta.url);
const trackingUri = "https://mlflow.example.com/team";
const epochs = [{ loss: 2, val_loss: 3 }, { loss: NaN, val_loss: Infinity }];

for (const tier of ["trusted", "sandboxed"] as const) {
  const load = (server: MlflowServer, options: Record<string, unknown> = {}) =>
    loadForTest(source, {
      tier,
      allow: ["net"],
      options: { trackingUri, ...options },
      respond: server.respond,
    });

  describe(`The MLflow tracker, ${tier}`, () => {
    it("The MLflow tracker logs parameters, metrics of each epoch and the end of a run", async () => {
      const server = new MlflowServer();
      const options = {
        experiment: "mnist",
        runName: "first",
        tags: { team: "vision" },
        params: { layers: 3 },
      };
      const { callback, lines } = await load(server, options);
      const { failures } = await driveEpochs(callback, { epochs, params: { seed: 7 } });
      assert.deepEqual([failures, lines], [[], []]);
      assert.deepEqual([...server.experiments.keys()], ["Default", "mnist"]);
      const [run] = server.runs.values();
      assert.equal(run.experiment, "mnist");
      assert.equal(run.name, "first");
      assert.equal(run.status, "FINISHED");
      assert.deepEqual(run.tags, { "mlflow.source.name": "keepfit", team: "vision" });
      assert.equal(run.params.layers, "3");
      assert.equal(run.params.seed, "7");
      assert.equal(run.params.epochs, "2");
      assert.deepEqual(run.metrics.map(({ key, value, step }) => [key, value, step]), [
        ["loss", 2, 0],
        ["val_loss", 3, 0],
        ["loss", "NaN", 1],
        ["val_loss", "Infinity", 1],
      ]);
    });

    it("The MLflow tracker reports a failed training to the server", async () => {
      const server = new MlflowServer();
      const { callback } = await load(server);
      await driveEpochs(callback, { epochs, failAt: 1 });
      const [run] = server.runs.values();
      assert.equal(run.status, "FAILED");
      assert.equal(run.experiment, "Default");
    });

    it("The MLflow tracker keeps metrics while the server is down, and warns once", async () => {
      const server = new MlflowServer();
      const { callback, lines } = await load(server);
      const { failures } = await driveEpochs([callback, {
        onEpochBegin: (epoch: number) => void (server.failing = epoch === 1 ? 502 : undefined),
      }], { epochs: [{ loss: 3 }, { loss: 2 }, { loss: 1 }] });
      assert.deepEqual(failures, []);
      assert.equal(lines.length, 1);
      assert.match(lines[0], /answered 502: no message; training continues$/);
      const [run] = server.runs.values();
      assert.deepEqual(run.metrics.map(({ value, step }) => [value, step]), [[3, 0], [2, 1], [
        1,
        2,
      ]]);
      assert.equal(run.status, "FINISHED");
    });

    it("The MLflow tracker continues the same run when it is resumed", async () => {
      const server = new MlflowServer();
      const first = await load(server);
      let state = {};
      await driveEpochs([first.callback, {
        afterEpochEnd: async () => void (state = await first.callback.getState?.() ?? {}),
      }], { epochs });
      const second = await load(server);
      await second.callback.setState?.(state);
      await driveEpochs(second.callback, { epochs: [{ loss: 1 }], params: { initialEpoch: 2 } });
      assert.equal(server.runs.size, 1);
      const [run] = server.runs.values();
      assert.deepEqual(run.metrics.at(-1)?.step, 2);
      assert.equal(run.status, "FINISHED");
    });
  });
}
