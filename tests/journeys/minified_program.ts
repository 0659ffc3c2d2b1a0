/** A program for `minified_test.ts` that prints its results as one line of JSON. */
import * as tf from "@tensorflow/tfjs";
import {
  BackupAndRestore,
  Callback,
  CallbackList,
  EarlyStopping,
  fit,
  History,
  ModelCheckpoint,
  ProgbarLogger,
} from "keepfit";
import { memoryFileSystem } from "keepfit/runtime";

class Counter extends Callback {
  static override readonly className: string = "Counter";
  count = 0;
  override onEpochEnd() {
    this.count++;
  }
  getState() {
    return { count: this.count };
  }
  setState(state: { count?: unknown }) {
    this.count = state.count as number;
  }
}

/** A subclass with an additional option. */
class Patient extends EarlyStopping {
  constructor(options: { monitor: string; slack: number }) {
    super(options);
  }
}

const warnings: string[] = [];
console.warn = (text) => void (String(text).startsWith("keepfit: ") && warnings.push(text));
const fs = memoryFileSystem();
const x = tf.ones([4, 1]);
function makeModel() {
  const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] });
  model.compile({ optimizer: "sgd", loss: "meanSquaredError" });
  return model;
}

let bars = 0;
const terminal = { write() {}, isInteractive: false, hasColors: false, columns: 80 };
class Bar extends ProgbarLogger {
  static override readonly className: string = "Bar";
  override onTrainBegin() {
    bars++;
    return super.onTrainBegin();
  }
}
const mine = new History();
// The default bar of fit would write to standard output.
const returned = await fit(makeModel(), x, x, {
  epochs: 2,
  callbacks: [mine, new Bar({ terminal })],
});

async function train(cutAt: number) {
  const counter = new Counter();
  const history = await fit(makeModel(), x, x, {
    epochs: 4,
    seed: 1,
    verbose: 0,
    callbacks: [
      counter,
      new EarlyStopping({ monitor: "loss", patience: 9 }),
      new ModelCheckpoint("best", { fs, monitor: "loss" }),
      new BackupAndRestore("backup", { fs }),
      {
        onEpochBegin(epoch: number) {
          if (epoch === cutAt) throw new Error("power cut");
        },
      },
    ],
  });
  return { epochs: history.epoch, count: counter.count };
}
await train(2).catch(() => {});
const resumed = await train(-1);

new EarlyStopping({ monitor: "loss", pacience: 3 } as object);
new Patient({ monitor: "loss", slack: 1 });
const measured = makeModel();
measured.compile({
  optimizer: "sgd",
  loss: "meanSquaredError",
  metrics: [tf.metrics.recall, "precision"],
});
const { history: metrics } = await fit(measured, x, x, { verbose: 0, epochs: 2 });
const list = new CallbackList([
  new Counter(),
  new EarlyStopping({ monitor: "loss" }),
  new History(),
]);
const failure = await fit(makeModel(), x, x, {
  verbose: 0,
  callbacks: new EarlyStopping({ monitor: "odd" }),
})
  .then(() => "", (error: Error) => error.message);

console.log(`RESULT ${
  JSON.stringify({
    isMine: returned === mine,
    bars,
    timed: [...new Set(mine.timings.map(({ callback }) => callback))].sort(),
    resumed,
    states: Object.keys(await list.getState()),
    order: list.order("onEpochEnd"),
    warnings,
    metrics: Object.keys(metrics),
    failure,
  })
}`);
