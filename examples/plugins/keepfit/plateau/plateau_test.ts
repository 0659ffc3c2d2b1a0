import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { driveEpochs, loadForTest } from "keepfit/testing";
import { parseExpression } from "./0.1.0/expression.js";

const source = new URL("0.1.0/", import.meta.url);

describe("An expression over logs", () => {
  const valueOf = (text: string) =>
    parseExpression(text).evaluate({ loss: 2, val_loss: 3, "a.b": 5 });

  it("An expression over logs is evaluated as arithmetic", () => {
    const cases: [text: string, value: number][] = [
      ["val_loss", 3],
      ["1 + 2 * 3", 7],
      ["(1 + 2) * 3", 9],
      ["10 - 3 - 2", 5],
      ["2 ^ 3 ^ 2", 512],
      ["-2 ^ 2", -4],
      ["2 ^ -1", 0.5],
      ["-loss * -3", 6],
      ["8 / 4 / 2", 1],
      ["abs(loss - val_loss) + max(1, 2, loss)", 3],
      ["1.5e1 + .5", 15.5],
      ["sqrt(exp(log(16)))", 4],
      ["a.b", 5],
    ];
    for (const [text, value] of cases) {
      assert(Math.abs(valueOf(text) - value) < 1e-9, `${text} is ${valueOf(text)}`);
    }
    assert.deepEqual([...parseExpression("loss + abs(val_loss)").names], ["loss", "val_loss"]);
  });

  it("An expression over logs that is invalid reports the position, and is not evaluated", () => {
    const cases: [text: string, message: RegExp][] = [
      ["", /found its end, expected a number, a name or \(/],
      ["loss +", /found its end/],
      ["loss loss", /found "loss" at 6, expected an operator or the end/],
      ["(loss", /expected "\)"/],
      ["loss; process", /found ";" at 5/],
      ["eval(loss)", /found "eval" at 1, expected one of the functions abs, exp/],
      ["constructor(loss)", /expected one of the functions/],
      ["abs(1, 2)", /expected 1 argument for abs/],
      [`${"(".repeat(200)}1${")".repeat(200)}`, /expected fewer levels/],
    ];
    for (const [text, message] of cases) {
      assert.throws(() => parseExpression(text), (error) => {
        assert(error instanceof SyntaxError);
        assert.match(error.message, message);
        return true;
      });
    }
  });
});

for (const tier of ["trusted", "sandboxed"] as const) {
  describe(`The plateau, ${tier}`, () => {
    it("The plateau stops when the formula no longer improves, and logs its value", async () => {
      const { callback, lines } = await loadForTest(source, {
        tier,
        options: { expression: "val_loss + abs(loss - val_loss)", patience: 2, logAs: "score" },
      });
      const { stoppedAt, logs } = await driveEpochs(callback, {
        epochs: [
          { loss: 3, val_loss: 3 },
          { loss: 2, val_loss: 2 },
          // The loss itself still improves.
          { loss: 1, val_loss: 2 },
          { loss: 0.5, val_loss: 1.9 },
          { loss: 0, val_loss: 0 },
        ],
      });
      assert.equal(stoppedAt, 3);
      assert.deepEqual(logs.map(({ score }) => Number(score.toFixed(6))), [3, 2, 3, 3.3]);
      assert.match(lines[0], /has not improved for 2 epochs \(best 2, now 3\.3\): stop$/);
    });

    it("The plateau continues waiting where an earlier run ended", async () => {
      const options = { expression: "loss", patience: 3 };
      const first = await loadForTest(source, { tier, options });
      let state = {};
      await driveEpochs([first.callback, {
        afterEpochEnd: async () => void (state = await first.callback.getState?.() ?? {}),
      }], { epochs: [{ loss: 1 }, { loss: 2 }, { loss: 2 }] });
      const second = await loadForTest(source, { tier, options });
      await second.callback.setState?.(state);
      const { stoppedAt } = await driveEpochs(second.callback, {
        epochs: [{ loss: 2 }, { loss: 0 }],
      });
      assert.equal(stoppedAt, 0);
    });

    it("The plateau maximizes, ignores the first epochs, and reports missing keys", async () => {
      const { callback } = await loadForTest(source, {
        tier,
        options: { expression: "acc", mode: "max", patience: 1, startFromEpoch: 1 },
      });
      const epochs = [{ acc: 0.9 }, { acc: 0.1 }, { acc: 0.2 }, { acc: 0.2 }];
      assert.equal((await driveEpochs(callback, { epochs })).stoppedAt, 3);
      const wrong = await loadForTest(source, { tier, options: { expression: "los" } });
      const { failures } = await driveEpochs(wrong.callback, { epochs: [{ loss: 1 }] });
      const { error } = failures[0];
      assert.match((error as Error).message, /the logs have no los; there are loss/);
    });

    it("The plateau is rejected with an invalid formula", async () => {
      const loading = loadForTest(source, { tier, options: { expression: "loss +" } });
      await assert.rejects(loading, /default threw: Cannot read the expression "loss \+"/);
    });
  });
}
