/** The deliberate differences from Keras; docs/keras.md describes them for users. */
import type { Mismatch } from "./replay.ts";
import { type FitScenario, isNear, type Scenario, textOf } from "./traces.ts";

/** A deliberate difference from Keras, and where it is observed. */
export interface Difference {
  /** Groups of scenarios. */
  groups: string[];
  /** Names of scenarios. Default: all. */
  scenarios?: RegExp;
  /** Fields of a trace that differ. */
  fields: string[];
  /** Exact number of scenarios in which it is observed. */
  count: number;
  /** Reason of the difference. */
  reason: string;
  /** Whether a mismatch is this difference. */
  matches(mismatch: Mismatch, scenario: Scenario & Pick<FitScenario, "options">): boolean;
}

/** Options with which our callbacks behave like Keras's. */
export interface Switch {
  groups: string[];
  scenarios: RegExp;
  options: Record<string, unknown>;
  reason: string;
}

/** Scenarios replayed with an option; with our defaults each of them differs from Keras. */
export const switches: readonly Switch[] = [
  {
    groups: ["early_stopping", "reduce_lr_on_plateau", "model_checkpoint"],
    scenarios: /NaN is first/,
    options: { nanIsFirstBest: true },
    reason: "No value is better than NaN, so a first NaN would remain the best value.",
  },
];

const monitors = ["early_stopping", "reduce_lr_on_plateau", "model_checkpoint"];
const missing = undefined;

/** Messages without the line break that Keras prints in front, to leave the line of the bar. */
const belowBar = (printed: unknown) => String(printed).replaceAll(/^\n/gm, "");

export const differences: readonly Difference[] = [
  {
    groups: monitors,
    fields: ["warned"],
    count: 33,
    reason: "A missing monitor causes one warning per run, not one per epoch.",
    matches: ({ step, keras, ours }, { steps }) => {
      const run = steps.slice(0, step);
      const begin = run.findLastIndex(([[verb]]) => verb === "train_begin");
      const subject = (warned: unknown) => String(warned).split(" ")[0];
      return ours === missing &&
        run.slice(begin).some(([, seen]) => subject(seen.warned) === subject(keras));
    },
  },
  {
    groups: ["early_stopping"],
    scenarios: /^float32 cannot tell$/,
    fields: ["best", "wait", "best_epoch", "stop", "stopped_epoch"],
    count: 1,
    reason: "Values are compared as float64; Keras compares as float32.",
    matches: ({ step, field, ours }, { steps }) => {
      const ended = steps.slice(0, step + 1).findLast(([[verb]]) => verb === "epoch_end");
      const [, epoch, logs] = ended?.[0] as [string, number, { loss: number }];
      const expected = {
        best: logs.loss,
        wait: 0,
        best_epoch: epoch,
        stop: false,
        stopped_epoch: 0,
      };
      return ours === expected[field as keyof typeof expected];
    },
  },
  {
    groups: ["early_stopping"],
    scenarios: /^auto without a model's metrics: (acc|a_loss)$/,
    fields: ["error"],
    count: 2,
    reason: "The direction is derived from the metric's name, also with the prefix of an output.",
    matches: fails("ValueError", missing),
  },
  {
    groups: ["reduce_lr_on_plateau", "learning_rate_scheduler"],
    fields: ["logs"],
    count: 5,
    reason: "The rate is added to the logs even if they are empty.",
    matches: ({ step, keras, ours }, { steps }) =>
      keras === missing && Object.keys(steps[step][0][2] as object).length === 0 &&
      Object.keys(ours as object).join() === "learning_rate",
  },
  {
    groups: ["reduce_lr_on_plateau"],
    scenarios: /^negative factor$/,
    fields: ["error"],
    count: 1,
    reason:
      "A factor below 0 is rejected. Keras multiplies by it, and the minimum rate hides the error.",
    matches: fails(missing, "RangeError"),
  },
  {
    groups: ["reduce_lr_on_plateau", "learning_rate_scheduler"],
    scenarios: /^(float32 rates|default factor, verbose|rate (1e-05|1e\+20|123456789\.0))$/,
    fields: ["lr", "logs", "printed"],
    count: 6,
    reason: "Rates are float64, as in TensorFlow.js; Keras has float32.",
    matches: ({ field, keras, ours }) =>
      field === "printed"
        ? isNearText(belowBar(keras), belowBar(ours), 1e-6)
        : isNearText(textOf(keras), textOf(ours), 1e-6),
  },
  {
    groups: ["reduce_lr_on_plateau", "model_checkpoint"],
    fields: ["printed"],
    count: 53,
    reason:
      "Messages at the end of an epoch are printed below the progress bar; Keras breaks its line.",
    matches: ({ keras, ours }) => keras !== ours && belowBar(keras) === ours,
  },
  {
    groups: ["model_checkpoint"],
    scenarios: /^save_freq 1\.0$/,
    fields: ["error"],
    count: 1,
    reason: "JavaScript has one type of number, in which 1.0 is an integer.",
    matches: fails("ValueError", missing),
  },
  {
    groups: ["model_checkpoint"],
    scenarios: /^save_freq (0|-1|True|False)$/,
    fields: ["error"],
    count: 4,
    reason: "A frequency must be above 0 and not a boolean; Keras saves after every batch.",
    matches: ({ keras, ours }) =>
      keras === missing && (ours === "RangeError" || ours === "TypeError"),
  },
  {
    groups: ["model_checkpoint"],
    scenarios: /^best only by batches$/,
    fields: ["error"],
    count: 1,
    reason: "The direction is known at the first save; Keras compares before it is known.",
    matches: fails("TypeError", missing),
  },
  {
    groups: ["model_checkpoint"],
    scenarios: /^a monitor nobody can place, not best only$/,
    fields: ["error"],
    count: 1,
    reason: "Saving after every epoch does not need a direction.",
    matches: fails("ValueError", missing),
  },
  {
    groups: ["model_checkpoint"],
    scenarios: /^(whole model|weights) as a/,
    fields: ["error"],
    count: 8,
    reason:
      "A checkpoint is a directory with any name; Keras chooses the file format by the extension.",
    matches: fails("ValueError", missing),
  },
  {
    groups: ["model_checkpoint"],
    scenarios: /^template (\{0\}|\{loss|\{epoch:\.2d\}|\{\}|\{loss:z\}) with /,
    fields: ["error"],
    count: 10,
    reason: "An invalid template fails when the callback is created, not at the first save.",
    matches: fails(missing, "SyntaxError"),
  },
  {
    groups: ["model_checkpoint"],
    fields: ["printed"],
    count: 8,
    reason: "A save without the monitored value is announced like any other save.",
    matches: ({ keras, ours }) =>
      belowBar(ours) ===
        `${belowBar(keras).replace("finished saving", "saving")}${belowBar(keras)}`,
  },
  {
    groups: ["learning_rate_scheduler"],
    scenarios: /^(rate -1\.0|returns nan)$/,
    fields: ["error"],
    count: 2,
    reason: "A negative rate and NaN are rejected.",
    matches: fails(missing, "RangeError"),
  },
  {
    groups: ["learning_rate_scheduler"],
    scenarios: /^returns (int|float16)$/,
    fields: ["error"],
    count: 2,
    reason: "JavaScript has one type of number, so an integer is a valid rate.",
    matches: fails("ValueError", missing),
  },
  {
    groups: ["lambda_callback"],
    scenarios: /^on_unknown$/,
    fields: ["error"],
    count: 1,
    reason: "A name that is not a hook is an error; Keras stores it as an attribute.",
    matches: fails(missing, "TypeError"),
  },
  {
    groups: ["history"],
    scenarios: /^two runs$/,
    fields: ["history"],
    count: 1,
    reason: "The history is cleared at the start of each run, like the epochs.",
    matches: ({ keras, ours }) => {
      const { loss = [] } = ours as { loss?: number[] };
      const all = (keras as { loss: number[] }).loss;
      return textOf(loss) === textOf(all.slice(all.length - loss.length)) && all.length >= 2;
    },
  },
  {
    groups: ["csv_logger"],
    fields: ["warned"],
    count: 4,
    reason: "A key without a column is omitted with a warning.",
    matches: ({ keras, ours }) =>
      keras === missing && /^other: keepfit: CSVLogger has no column for/.test(String(ours)),
  },
  {
    groups: ["csv_logger"],
    scenarios: /^what is no number$/,
    fields: ["files"],
    count: 1,
    reason: "JavaScript has one type of number: 1 in a list of floats is written as 1, not 1.0.",
    matches: ({ keras, ours }) =>
      textOf(keras).replaceAll(/\b1\.0/g, "1") === textOf(ours).replaceAll(/\b1\.0/g, "1"),
  },
  {
    groups: ["csv_logger"],
    scenarios: /^line ends and blanks in text$/,
    fields: ["files"],
    count: 1,
    reason: "A single carriage return is not quoted (@std/csv).",
    matches: ({ keras, ours }) =>
      textOf(keras).replace(String.raw`\"\r\"`, String.raw`\r`) === textOf(ours),
  },
  {
    groups: ["csv_logger"],
    fields: ["files"],
    count: 14,
    reason:
      "A file is replaced when the first epoch begins, so that a run that fails earlier loses nothing.",
    matches: ({ step, keras, ours }, { steps }) => {
      const emptied = textOf({ "log.csv": "" });
      const [[verb]] = steps[step];
      return verb === "train_begin" && textOf(keras) === emptied && ours === missing ||
        verb === "epoch_begin" && keras === missing && textOf(ours) === emptied;
    },
  },
  {
    groups: ["csv_logger"],
    scenarios: /^append (other|fewer) keys$/,
    fields: ["files"],
    count: 2,
    reason: "Appended rows use the columns of the file; Keras writes the keys in their own order.",
    matches: ({ keras, ours }, { name }) => {
      const theirs = (keras as Files)["log.csv"];
      const kept = name === "append other keys"
        ? theirs.replace("0,2.0,1.0", "0,NA,NA")
        : theirs.replace(/^(\d),([\d.]+),NA\r$/gm, "$1,NA,$2,NA\r");
      return kept !== theirs && (ours as Files)["log.csv"] === kept;
    },
  },
  {
    groups: ["csv_logger", "callback_list"],
    scenarios: /^numeric text$|^logs: text that only /,
    fields: ["logs", "calls", "files"],
    count: 3,
    reason: "Numeric text follows JavaScript: 0x10 is a number, nan and 1_000 are not.",
    matches: ({ field, keras, ours }) => {
      if (field === "files") return cellsOf(keras).join() === cellsOf(ours).join();
      // The logs are the last argument of the only hook call.
      const [theirs, own] = [keras, ours].map((seen) =>
        Object.entries(Array.isArray(seen) ? seen[0].at(-1) : seen as object)
      );
      return theirs.length === own.length && theirs.every(([key, value], i) => {
        const [ownKey, ownValue] = own[i];
        return key === ownKey &&
          (Object.is(value, ownValue) ||
            typeof value === "string" !== (typeof ownValue === "string"));
      });
    },
  },
  {
    groups: ["progress"],
    fields: ["printed"],
    count: 39,
    reason: "A line is overwritten after a carriage return; Keras also prints backspaces.",
    matches: ({ keras, ours }) => String(keras).replaceAll("\b", "") === ours && ours !== keras,
  },
  {
    groups: ["progress"],
    fields: ["printed"],
    count: 9,
    reason: "Negative values have the same format in the line of an epoch as beside the bar.",
    matches: ({ keras, ours }) =>
      /-\d\.\d{4}e[+-]\d\d/.test(String(keras)) && isNearText(String(keras), String(ours), 1e-4),
  },
  {
    groups: ["progress"],
    scenarios: /^target 0$/,
    fields: ["printed"],
    count: 1,
    reason: "A run without steps shows 0/0; Keras shows an unknown number.",
    matches: ({ keras, ours }) =>
      /0\/Unknown/.test(String(keras)) && String(ours).includes("[1m0/0\x1b"),
  },
  {
    groups: ["progress"],
    scenarios: /^more batches than steps$/,
    fields: ["printed"],
    count: 1,
    reason: "If there are more batches than steps, the number of steps is shown as unknown.",
    matches: ({ keras, ours }) =>
      (/4\/3.*-\d+s/.test(String(keras)) && String(ours).includes("4/Unknown")) ||
      (String(keras).includes("3/3") && String(ours).includes("5/5")),
  },
  {
    groups: ["progress"],
    scenarios: /^predict/,
    fields: ["logs"],
    count: 4,
    reason: "The logs of a predicted batch are tensors, which are passed on unchanged.",
    matches: ({ step, keras, ours }, { steps }) =>
      steps[step][0][0] === "predict_batch_end" && textOf(sorted(ours)) === textOf(keras),
  },
  {
    groups: ["progress"],
    scenarios: /^silent in validation, and after a fit$/,
    fields: ["printed"],
    count: 1,
    reason: "An instance that was used in fit also shows a later evaluation.",
    matches: ({ step, keras, ours }, { steps }) =>
      step > steps.findIndex(([[verb]]) => verb === "train_end") &&
      keras === missing && String(ours).includes("1/1"),
  },
  {
    groups: ["remote_monitor"],
    scenarios: /^an answer of 500/,
    fields: ["warned"],
    count: 2,
    reason: "A response with status 400 or above causes a warning.",
    matches: ({ keras, ours }) => keras === missing && /answered 500/.test(String(ours)),
  },
  {
    groups: ["remote_monitor"],
    scenarios: /^names that need escapes in a form$/,
    fields: ["requests"],
    count: 1,
    reason: "The form encoding of the web escapes ~ but not *; parsers return the same text.",
    matches: ({ keras, ours }) => {
      const read = (requests: unknown) =>
        (requests as string[][]).map((parts) => [...new URLSearchParams(parts[3])]);
      return textOf(read(keras)) === textOf(read(ours)) && textOf(read(keras)).includes("~*");
    },
  },
  {
    groups: ["remote_monitor"],
    scenarios: /^NaN and infinite as JSON$/,
    fields: ["warned"],
    count: 1,
    reason: "The warning names the cause once per run: JSON has no NaN. Keras blames the server.",
    matches: ({ keras, ours }) =>
      textOf(keras) === `["unreachable"]` &&
      (ours === missing || /loss is NaN, which JSON cannot represent/.test(String(ours))),
  },
  {
    groups: ["remote_monitor"],
    scenarios: /^no server$/,
    fields: ["warned"],
    count: 1,
    reason:
      "Training does not wait for the response, so the warning comes later, and once per run.",
    matches: ({ keras, ours }) =>
      [keras, ours].filter((each) => textOf(each) === `["unreachable"]`).length === 1 &&
      [keras, ours].includes(missing),
  },
  {
    groups: ["callback_list"],
    scenarios: /^nested lists$/,
    fields: ["error"],
    count: 1,
    reason: "Nested lists are flattened; Keras fails on JAX, PyTorch and NumPy.",
    matches: fails("AttributeError", missing),
  },
  {
    groups: ["callback_list"],
    fields: ["error"],
    count: 6,
    reason: "An end hook needs no begin hook, because there is no thread pool to close.",
    matches: (mismatch, { steps }) =>
      /_end$/.test(steps[mismatch.step][0][0]) && fails("ValueError", missing)(mismatch),
  },
  {
    groups: ["callback_list"],
    scenarios: /^logs: beyond the basic plane$/,
    fields: ["logs", "calls"],
    count: 1,
    reason: "Keys are sorted by UTF-16 units, which differs from Python only above U+FFFF.",
    matches: ({ keras, ours }) =>
      [...textOf(keras)].sort().join() === [...textOf(ours)].sort().join(),
  },
  {
    groups: ["hook_order"],
    scenarios: /a generator/,
    fields: ["events"],
    count: 4,
    reason: "A batch is fetched before its begin hook, so that every begin hook has an end hook.",
    matches: ({ keras, ours }) => {
      const all = keras as unknown[][];
      const ended = all.filter(([hook], i) =>
        !/batch_begin$/.test(String(hook)) || /batch_end$/.test(String(all[i + 1][0]))
      );
      return ended.length < all.length && isNear(ended, ours);
    },
  },
  {
    groups: ["hook_order"],
    scenarios: /^steps_per_epoch (2 of 3|beyond the rows)$/,
    fields: ["events", "history", "weights"],
    count: 2,
    reason:
      "An epoch of fewer steps continues where the previous one ended, and is always complete.",
    matches: ({ field, ours }, { options }) => {
      const { epochs, steps_per_epoch: steps } = options as Record<string, number>;
      return field !== "events" ||
        (ours as unknown[][]).filter(([hook]) => hook === "train_batch_end").length ===
          epochs * steps;
    },
  },
];

type Files = Record<string, string>;

function fails(keras: string | undefined, ours: string | undefined) {
  return (mismatch: Mismatch): boolean => mismatch.keras === keras && mismatch.ours === ours;
}

/** The number of cells of each row. */
function cellsOf(files: unknown): number[] {
  return (files as Files)["log.csv"].split("\r\n").map((row) => row.split(",").length);
}

function sorted(logs: unknown): object {
  return Object.fromEntries(Object.entries(logs as object).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Whether two texts are equal except for numbers, which may differ by `part` of their size. */
function isNearText(one: string, two: string, part: number): boolean {
  const number = /-?\d+(?:\.\d+)?(?:e[+-]?\d+)?/g;
  const [ones, twos] = [one, two].map((text) => [...text.matchAll(number)].map(Number));
  return one.replaceAll(number, "0") === two.replaceAll(number, "0") &&
    ones.every((value, i) => Math.abs(value - twos[i]) <= part * Math.abs(value));
}
