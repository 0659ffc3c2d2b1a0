import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Logs } from "../core/logs.ts";
import { CallbackList } from "../core/callback_list.ts";
import { Screen } from "../tests/screen.ts";
import { memoryFileSystem } from "../runtime/mod.ts";
import { ModelCheckpoint } from "./model_checkpoint.ts";
import { ProgbarLogger } from "./progbar_logger.ts";
import { ReduceLROnPlateau } from "./reduce_lr_on_plateau.ts";
import { SpeedMonitor } from "./speed_monitor.ts";
import { drive } from "./fixtures.ts";

const widths = [25, 44, 60, 80, 100, 120];
const steps = 30;

/** Logs of a typical training, and logs with long names. */
const logs: Record<string, Logs> = {
  plain: { accuracy: 0.9127, loss: 0.308 },
  long: { a_metric_with_a_name_that_is_longer_than_narrow_terminals_are_wide: 0.5, loss: 0.308 },
  CJK: { 精度: 0.9127, 損失: 0.308, 한국어: 1, ﾊﾝｶｸ: 2 },
  emoji: { "🎯": 0.9127, "👩‍🚀": 1, "e\u0301té": 2, loss: 0.308 },
  hostile: { "loss\n\x1b[2J": 0.308, "tab\there": 1 },
};

/** The content of a terminal after each write, while two epochs with validation run. */
async function train(
  columns: number,
  train: Logs,
  { hasColors = false, falls = false } = {},
): Promise<Frame[]> {
  const screen = new Screen(columns);
  const frames: Frame[] = [];
  let now = 0;
  const terminal = {
    write(text: string) {
      screen.write(text);
      frames.push({ text, rows: screen.rows, row: screen.row });
    },
    isInteractive: true,
    hasColors,
    columns,
  };
  const list = new CallbackList(new ProgbarLogger({ terminal, now: () => now }), {
    params: { verbose: 1, epochs: 2, steps },
  });
  const ends = Object.entries(train).map(([name, value]) => [`val_${name}`, value]);
  await list.onTrainBegin();
  for (const epoch of [0, 1]) {
    await list.onEpochBegin(epoch);
    for (let batch = 0; batch < steps; batch++) {
      // The first step is slow.
      now += batch === 0 ? 900 : 60;
      const share = falls ? 1 / (batch + 1) ** 2 : 1;
      const values = Object.entries(train).map(([name, value]) => [name, value * share]);
      await list.onTrainBatchEnd(batch, Object.fromEntries(values));
    }
    now += 12_000;
    await list.onEpochEnd(epoch, { ...train, ...Object.fromEntries(ends), learning_rate: 0.002 });
  }
  await list.onTrainEnd();
  await list.close();
  return frames;
}

interface Frame {
  text: string;
  rows: string[];
  row: number;
}

/** Width of the bar in cells, each time it was drawn. */
function barsOf(frames: Frame[]): number[] {
  return frames.filter(({ text }) => text.startsWith("\r")).map(({ text, rows, row }) => {
    const isLast = text.endsWith("\n");
    const first = isLast ? rows.findLastIndex((row) => row.startsWith("Epoch")) + 1 : row;
    assert.match(rows[first], /^[ \d]\d\/30 /);
    return rows[first].match(/[━─]+/)?.[0].length ?? 0;
  });
}

describe("The progress bar on a screen", () => {
  it("The progress bar shows the line of each epoch below its heading, and validation values under the bar", async () => {
    const frames = await train(80, { accuracy: 0.9127, loss: 0.308 });
    const lines = [
      `30/30 ${"━".repeat(20)} 15s 474ms/step - accuracy: 0.9127 - loss: 0.3080`,
      "      - learning_rate: 0.0020 - val_accuracy: 0.9127 - val_loss: 0.3080",
    ];
    assert.deepEqual(frames.at(-1)?.rows, ["Epoch 1/2", ...lines, "Epoch 2/2", ...lines, ""]);
  });

  it("The progress bar shortens for longer values, and never grows again", async () => {
    const bars = barsOf(await train(78, { accuracy: 0.9127, loss: 0.308 }, { falls: true }));
    assert.deepEqual([bars[0], bars.at(-1)], [20, 19]);
    assert.deepEqual(bars, bars.toSorted((a, b) => b - a));
  });

  it("The progress bar is above the messages that callbacks print at the end of an epoch", async () => {
    const screen = new Screen(100);
    let now = 0;
    const clock = () => now;
    const terminal = {
      write: (text: string) => screen.write(text),
      isInteractive: true,
      hasColors: false,
      columns: 100,
    };
    const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] });
    model.compile({ optimizer: tf.train.sgd(0.1), loss: "meanSquaredError" });
    const callbacks = [
      new ReduceLROnPlateau({ monitor: "loss", patience: 1, factor: 0.5, verbose: 1 }),
      new ModelCheckpoint("m", { fs: memoryFileSystem(), verbose: 1 }),
      new SpeedMonitor({ verbose: 1, now: clock }),
      new ProgbarLogger({ terminal, now: clock }),
    ];
    const { log } = console;
    console.log = (message: string) => screen.write(`${message}\n`);
    try {
      await drive(callbacks, [{ loss: 1 }, { loss: 2 }], {
        model,
        batches: 2,
        params: { verbose: 1 },
        train: () => void (now += 1000),
      });
    } finally {
      console.log = log;
    }
    const [, first] = screen.rows;
    assert.match(first, /^2\/2 ━+ 1s /);
    assert.deepEqual(screen.rows.filter((row) => !/^ {4}- |^2\/2/.test(row)), [
      "Epoch 1/2",
      "Epoch 1: saving model to m",
      "Epoch 1: finished saving model to m",
      "Epoch 1: 2 steps/s, 1 s",
      "Epoch 2/2",
      "Epoch 2: ReduceLROnPlateau reducing learning rate to 0.05.",
      "Epoch 2: saving model to m",
      "Epoch 2: finished saving model to m",
      "Epoch 2: 2 steps/s, 1 s",
      "",
    ]);
  });

  for (const columns of widths) {
    it(`The progress bar keeps its width, and one row until an epoch ends, at ${columns} columns`, async () => {
      for (const values of Object.values(logs)) {
        const frames = await train(columns, values);
        const bars = new Set(barsOf(frames));
        assert.equal(bars.size, 1, `${[...bars]}: ${frames.at(-1)?.rows.join("\n")}`);
      }
    });

    it(`The progress bar leaves only the last drawn text on the screen at ${columns} columns`, async () => {
      for (const options of [{}, { hasColors: true }, { falls: true }]) {
        for (const values of Object.values(logs)) {
          const frames = await train(columns, values, options);
          const written = frames.map(({ text }) => text).filter((text) => text.endsWith("\n"))
            // deno-lint-ignore no-control-regex
            .join("").replace(/\x1b\[\d*m/g, "");
          const shown = frames.at(-1)?.rows.join("") ?? "";
          const words = (text: string) => text.replace(/[\s\u200d\u0301]/g, "");
          assert.equal(words(shown), words(written));
          for (const name of Object.keys(values)) {
            const plain = words(name).replace("\x1b", "\\u001b");
            assert.equal(words(shown).split(`-${plain}:`).length, 3, name);
            assert.equal(words(shown).split(`-val_${plain}:`).length, 3, name);
          }
        }
      }
    });
  }
});
