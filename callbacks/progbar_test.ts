import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Progbar, type ProgbarOptions } from "./progbar.ts";

const bar = (options: Partial<ProgbarOptions> = {}) =>
  new Progbar({ target: 100, start: 0, ...options });

describe("Progbar", () => {
  it("Progbar draws count, bar, remaining time, time per step and values", () => {
    assert.equal(
      bar().update(25, { loss: 0.5, acc: 0.0005 }, { now: 5000 }),
      `\r 25/100 ${"━".repeat(5)}${"─".repeat(15)} 15s 200ms/step - loss: 0.5000 - acc: 5.0000e-04`,
    );
  });

  it("Progbar ends with the elapsed time and a line end", () => {
    assert.equal(
      bar().update(100, { loss: -0.5 }, { now: 12500, isLast: true }),
      `\r100/100 ${"━".repeat(20)} 12s 125ms/step - loss: -0.5000\n`,
    );
  });

  it("Progbar has no bar and shows the elapsed time while the target is unknown", () => {
    assert.equal(
      bar({ target: null }).update(3, {}, { now: 6000 }),
      "\r      3/Unknown 6s 2s/step",
    );
    assert.equal(
      bar({ target: null, hasColors: true }).update(3, {}, { now: 6000 }),
      "\r      3/Unknown \x1b[1m6s\x1b[0m 2s/step",
    );
  });

  it("Progbar formats the remaining time in seconds, minutes or hours", () => {
    const eta = (secondsPerStep: number) =>
      bar({ target: 101, width: 4 }).update(1, {}, { now: secondsPerStep * 1000 }).split(" ")[4];
    assert.equal(eta(0.6), "60s");
    assert.equal(eta(0.61), "1:01");
    assert.equal(eta(36), "60:00");
    assert.equal(eta(36.625), "1:01:02");
  });

  it("Progbar excludes the first step from the time per step", () => {
    const progbar = bar({ target: 10, verbose: 2 });
    assert.equal(progbar.update(1, {}, { now: 9000 }), "");
    assert.equal(
      progbar.update(10, {}, { now: 9018, isLast: true }),
      "10/10 - 9s - 2ms/step\n",
    );
  });

  it("Progbar formats the time per step in a suitable unit", () => {
    const step = (milliseconds: number) =>
      bar({ target: 1, verbose: 2 }).update(1, {}, { now: milliseconds, isLast: true });
    assert.match(step(2500), /- 2s\/step$/m);
    assert.match(step(12), /- 12ms\/step$/m);
    assert.match(step(0.25), /- 250us\/step$/m);
    assert.match(step(0), /- 0s\/step$/m);
  });

  it("Progbar draws at most every 50 ms, and always the last update", () => {
    const progbar = bar();
    assert.notEqual(progbar.update(1, {}, { now: 10 }), "");
    assert.equal(progbar.isDue(59), false);
    assert.equal(progbar.update(2, {}, { now: 59 }), "");
    assert.equal(progbar.isDue(60), true);
    assert.notEqual(progbar.update(3, {}, { now: 60 }), "");
    assert.notEqual(progbar.update(100, {}, { now: 61, isLast: true }), "");
  });

  it("Progbar keeps the first order and the last value of each name", () => {
    const progbar = bar({ verbose: 2, target: 2 });
    progbar.update(1, { b: 1, a: 2 }, { now: 0 });
    const line = progbar.update(2, { a: 3, val_b: NaN }, { now: 0, isLast: true });
    assert.equal(line, "2/2 - 0s - 0s/step - b: 1.0000 - a: 3.0000 - val_b: nan\n");
  });

  it("Progbar writes one line at the end with verbose 2, with negative values unchanged", () => {
    const progbar = bar({ verbose: 2 });
    assert.equal(progbar.update(50, { loss: -0.5 }, { now: 1000 }), "");
    assert.equal(
      progbar.update(100, { loss: -0.5 }, { now: 2000, isLast: true }),
      "100/100 - 2s - 20ms/step - loss: -0.5000\n",
    );
  });

  it("Progbar shows the mean of a list", () => {
    const logs = { auc: [0.5, 1], all: [[1], [2, 6]], none: [] } as never;
    const text = bar({ target: 1 }).update(1, logs, { now: 1000, isLast: true });
    assert.match(text, / - auc: 0\.7500 - all: 3\.0000 - none: nan\n$/);
  });

  it("Progbar redraws nothing if lines cannot be redrawn", () => {
    const progbar = bar({ isInteractive: false });
    assert.equal(progbar.update(50, {}, { now: 1000 }), "");
    assert.equal(
      progbar.update(100, { loss: 1 }, { now: 2000, columns: 10, isLast: true }),
      `100/100 ${"━".repeat(20)} 2s 20ms/step - loss: 1.0000\n`,
    );
  });

  it("Progbar writes colors only if enabled", () => {
    assert.equal(
      bar({ hasColors: true, width: 4, target: 2 }).update(1, {}, { now: 1000 }),
      "\r\x1b[1m1/2\x1b[0m \x1b[32m━━\x1b[0m\x1b[37m━━\x1b[0m \x1b[1m1s\x1b[0m 1s/step",
    );
  });

  it("Progbar covers the rest of a longer previous line", () => {
    const progbar = bar({ width: 4 });
    const long = progbar.update(1, { a: 1 }, { now: 10_000 });
    const short = progbar.update(99, {}, { now: 1_000_000 });
    assert.equal(progbar.values.get("a"), 1);
    assert.equal(short.length, long.length);
    assert.match(short, / +$/);
  });

  it("Progbar keeps every redrawn line narrower than the terminal", () => {
    const values = { loss: 0.5, accuracy: 0.25, precision: 0.125, val_loss: 1 };
    for (let columns = 1; columns <= 140; columns++) {
      const progbar = bar();
      const drawn = [
        progbar.update(1, values, { now: 100, columns }),
        progbar.update(50, values, { now: 5000, columns }),
      ];
      for (const line of drawn) {
        assert.match(line, /^\r[^\r\n]*$/);
        assert(line.length - 1 < columns, `${columns} columns: ${line}`);
      }
    }
  });

  it("Progbar shortens the bar first, then replaces metrics by an ellipsis", () => {
    const draw = (columns: number) =>
      bar().update(50, { loss: 0.5, acc: 0.25 }, { now: 5000, columns }).slice(1);
    assert.equal(draw(80).match(/[━─]/g)?.length, 20);
    const shorter = draw(60).match(/[━─]/g)?.length ?? 0;
    assert(shorter >= 4 && shorter < 20);
    assert.match(draw(60), /acc: 0\.2500$/);
    assert.match(draw(45), /━━── .* - loss: 0\.5000 …$/);
    assert.match(draw(30), /100ms\/step …$/);
  });

  it("Progbar breaks the last line between metrics and loses none", () => {
    const values = { loss: 0.5, accuracy: 0.25, precision: 0.125, val_loss: 1 };
    const last = bar().update(100, values, { now: 5000, columns: 50, isLast: true });
    for (const row of last.slice(1, -1).split("\n")) assert(row.length < 50, row);
    for (const name of Object.keys(values)) assert(last.includes(` - ${name}: `));
    assert(last.endsWith("\n"));
  });

  it("Progbar draws a target of zero", () => {
    assert.equal(bar({ target: 0, verbose: 2 }).update(0, {}, { now: 1, isLast: true }), "");
    assert.equal(
      bar({ target: 0 }).update(0, {}, { now: 0, isLast: true }),
      `\r0/0 ${"━".repeat(20)} 0s 0s/step\n`,
    );
  });
});
