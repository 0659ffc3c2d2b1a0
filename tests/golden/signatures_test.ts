import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import * as keepfit from "keepfit";
import { camelCase, readTraces } from "./traces.ts";

const callbacks = readTraces("signatures").callbacks as Record<string, Record<string, string>>;
const page = readFileSync(new URL("../../docs/keras.md", import.meta.url), "utf8");

/** The cells of each row under a heading. */
function rowsOf(heading: string): string[][] {
  const [, rest] = page.split(`\n## ${heading}\n`);
  return rest.split("\n## ")[0].split("\n")
    .filter((line) => /^\| (?!Keras |-+ |#)/.test(line))
    .map((line) => line.slice(1, -1).split("|").map((cell) => cell.trim().replaceAll("`", "")));
}

/** A default in neutral notation: `None` becomes none, `'a'` becomes `"a"`, `False` `false`. */
function plain(value: string): string {
  const words: Record<string, string> = { None: "none", False: "false", True: "true", "0.0": "0" };
  return words[value] ?? value.replaceAll("'", '"');
}

describe("docs/keras.md", () => {
  it("docs/keras.md lists every public callback of Keras under a heading, sorted", () => {
    const headings = [...page.matchAll(/^## (\w+)$/gm)].map(([, heading]) => heading);
    assert.equal(Object.keys(callbacks).length, 16);
    const inOrder = (a: string, b: string) => a.toLowerCase() < b.toLowerCase() ? -1 : 1;
    assert.deepEqual(headings, Object.keys(callbacks).sort(inOrder));
  });

  for (const [name, parameters] of Object.entries(callbacks)) {
    it(`docs/keras.md lists each parameter of ${name} with Keras's default`, () => {
      const documented = rowsOf(name).map(([parameter, value]) => [parameter, plain(value)]);
      // `**kwargs` have no default.
      const expected = Object.entries(parameters).map((
        [parameter, value],
      ) => [parameter, parameter.startsWith("**") ? "" : plain(value)]);
      assert.deepEqual(documented, expected);
    });

    it(`docs/keras.md lists the defaults of ${name} that differ from Keras`, () => {
      const others = rowsOf(name)
        .filter(([, keras, , ours]) => plain(keras) !== ours && ours !== "[]" && keras !== "")
        .map(([parameter]) => `${name}.${parameter}`);
      assert.deepEqual(
        others,
        {
          BackupAndRestore: ["BackupAndRestore.double_checkpoint"],
          OrbaxCheckpoint: ["OrbaxCheckpoint.max_to_keep", "OrbaxCheckpoint.save_on_background"],
        }[name] ?? [],
      );
    });
  }

  it("docs/keras.md names each option like Keras, in camelCase", () => {
    const renamed = Object.keys(callbacks).flatMap((name) =>
      rowsOf(name).filter(([keras, , ours]) =>
        !keras.startsWith("**") && ours !== "first argument" && ours !== camelCase(keras)
      )
    );
    assert.deepEqual(renamed, []);
  });

  it("docs/keras.md lists the options that the callbacks accept", () => {
    const doubted: string[] = [];
    const { warn } = console;
    console.warn = (message: string) => void doubted.push(message);
    try {
      for (const [name, first] of makers) {
        const options = Object.fromEntries(
          rowsOf(name).filter(([, , ours]) => /^[a-z]\w+$/i.test(ours) && ours !== "none")
            .map(([, , ours]) => [ours, undefined]),
        );
        const make = (keepfit as unknown as Record<string, new (...args: unknown[]) => unknown>)[
          name === "OrbaxCheckpoint" ? "ModelCheckpoint" : name
        ];
        assert.ok(make, `keepfit has no ${name}`);
        new make(...first, options);
      }
    } finally {
      console.warn = warn;
    }
    assert.deepEqual(doubted, []);
  });

  it("docs/keras.md lists the decision on each defect of the reference", () => {
    const numbers = rowsOf("Decisions on the reference's defects").map(([number]) => number);
    assert.deepEqual(numbers, Array.from({ length: 23 }, (_, i) => String(i + 1)));
  });
});

/** Callbacks with options, and the arguments in front of the options. */
const makers: [name: string, first: unknown[]][] = [
  ["BackupAndRestore", ["backup"]],
  ["CSVLogger", ["log.csv"]],
  ["EarlyStopping", []],
  ["LambdaCallback", []],
  ["LearningRateScheduler", [() => 1]],
  ["ModelCheckpoint", ["model"]],
  ["OrbaxCheckpoint", ["model"]],
  ["ReduceLROnPlateau", []],
  ["RemoteMonitor", []],
  ["SwapEMAWeights", []],
  ["TensorBoard", []],
  ["TerminateOnNaN", []],
];
