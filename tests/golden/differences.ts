/** Where keepfit does on purpose what Keras does not, one by one; docs/keras.md tells users. */
import type { Mismatch } from "./replay.ts";
import { type FitScenario, isNear, type Scenario, textOf } from "./traces.ts";

/** One decision, and where it is to be seen. */
export interface Difference {
  groups: string[];
  /** Scenarios by name; absent for any. */
  scenarios?: RegExp;
  fields: string[];
  /** In how many scenarios it must be seen, neither more nor less. */
  seen: number;
  why: string;
  /** Whether ours differs from Keras's in this very way. */
  holds(mismatch: Mismatch, scenario: Scenario & Pick<FitScenario, "options">): boolean;
}

/** An option by which our callbacks do what Keras's do. */
export interface Switch {
  groups: string[];
  scenarios: RegExp;
  options: Record<string, unknown>;
  why: string;
}

/** Replayed with an option for parity: by default ours differs in each of them. */
export const switches: readonly Switch[] = [
  {
    groups: ["early_stopping", "reduce_lr_on_plateau", "model_checkpoint"],
    scenarios: /NaN is first/,
    options: { nanIsFirstBest: true },
    why: "Nothing is better than NaN, so a first NaN would be the best for ever.",
  },
];

const monitors = ["early_stopping", "reduce_lr_on_plateau", "model_checkpoint"];
const missing = undefined;

/** Keras's messages without the line end in front of each, which leaves the line of the bar. */
const belowBar = (printed: unknown) => String(printed).replaceAll(/^\n/gm, "");

export const differences: readonly Difference[] = [
  {
    groups: monitors,
    fields: ["warned"],
    seen: 33,
    why: "What is missing is warned about once a run, not after every epoch.",
    holds: ({ step, keras, ours }, { steps }) => {
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
    seen: 1,
    why: "Values are compared as float64; Keras compares as float32.",
    holds: ({ step, field, ours }, { steps }) => {
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
    seen: 2,
    why: "The direction is known by the metric's name, an output's prefix included.",
    holds: fails("ValueError", missing),
  },
  {
    groups: ["reduce_lr_on_plateau", "learning_rate_scheduler"],
    fields: ["logs"],
    seen: 5,
    why: "The rate is written into the logs also when they are empty.",
    holds: ({ step, keras, ours }, { steps }) =>
      keras === missing && Object.keys(steps[step][0][2] as object).length === 0 &&
      Object.keys(ours as object).join() === "learning_rate",
  },
  {
    groups: ["reduce_lr_on_plateau"],
    scenarios: /^negative factor$/,
    fields: ["error"],
    seen: 1,
    why: "A factor below 0 is refused: Keras multiplies, and the least rate hides it.",
    holds: fails(missing, "RangeError"),
  },
  {
    groups: ["reduce_lr_on_plateau", "learning_rate_scheduler"],
    scenarios: /^(float32 rates|default factor, verbose|rate (1e-05|1e\+20|123456789\.0))$/,
    fields: ["lr", "logs", "printed"],
    seen: 6,
    why: "Rates are float64, as in TensorFlow.js; Keras has float32.",
    holds: ({ field, keras, ours }) =>
      field === "printed"
        ? isNearText(belowBar(keras), belowBar(ours), 1e-6)
        : isNearText(textOf(keras), textOf(ours), 1e-6),
  },
  {
    groups: ["reduce_lr_on_plateau", "model_checkpoint"],
    fields: ["printed"],
    seen: 53,
    why: "What an epoch's end has to say is printed below the progress bar; Keras breaks its line.",
    holds: ({ keras, ours }) => keras !== ours && belowBar(keras) === ours,
  },
  {
    groups: ["model_checkpoint"],
    scenarios: /^save_freq 1\.0$/,
    fields: ["error"],
    seen: 1,
    why: "JavaScript has one kind of number: 1.0 is whole.",
    holds: fails("ValueError", missing),
  },
  {
    groups: ["model_checkpoint"],
    scenarios: /^save_freq (0|-1|True|False)$/,
    fields: ["error"],
    seen: 4,
    why: "A frequency is above 0 and no boolean; Keras saves after every batch.",
    holds: ({ keras, ours }) =>
      keras === missing && (ours === "RangeError" || ours === "TypeError"),
  },
  {
    groups: ["model_checkpoint"],
    scenarios: /^best only by batches$/,
    fields: ["error"],
    seen: 1,
    why: "The direction is known at the first save, where Keras compares before it knows.",
    holds: fails("TypeError", missing),
  },
  {
    groups: ["model_checkpoint"],
    scenarios: /^a monitor nobody can place, not best only$/,
    fields: ["error"],
    seen: 1,
    why: "Who saves every epoch needs no direction.",
    holds: fails("ValueError", missing),
  },
  {
    groups: ["model_checkpoint"],
    scenarios: /^(whole model|weights) as a/,
    fields: ["error"],
    seen: 8,
    why: "A checkpoint is a directory, of any name; Keras's file formats go by the ending.",
    holds: fails("ValueError", missing),
  },
  {
    groups: ["model_checkpoint"],
    scenarios: /^template (\{0\}|\{loss|\{epoch:\.2d\}|\{\}|\{loss:z\}) with /,
    fields: ["error"],
    seen: 10,
    why: "A template that cannot be read fails when the callback is made, not at the first save.",
    holds: fails(missing, "SyntaxError"),
  },
  {
    groups: ["model_checkpoint"],
    fields: ["printed"],
    seen: 8,
    why: "Where the value is missing and all the same saved, this is announced as any other save.",
    holds: ({ keras, ours }) =>
      belowBar(ours) ===
        `${belowBar(keras).replace("finished saving", "saving")}${belowBar(keras)}`,
  },
  {
    groups: ["learning_rate_scheduler"],
    scenarios: /^(rate -1\.0|returns nan)$/,
    fields: ["error"],
    seen: 2,
    why: "A rate below 0 and NaN are refused.",
    holds: fails(missing, "RangeError"),
  },
  {
    groups: ["learning_rate_scheduler"],
    scenarios: /^returns (int|float16)$/,
    fields: ["error"],
    seen: 2,
    why: "JavaScript has one kind of number: a whole one is a rate.",
    holds: fails("ValueError", missing),
  },
  {
    groups: ["lambda_callback"],
    scenarios: /^on_unknown$/,
    fields: ["error"],
    seen: 1,
    why: "A name that is no hook is an error; Keras keeps it as an attribute.",
    holds: fails(missing, "TypeError"),
  },
  {
    groups: ["history"],
    scenarios: /^two runs$/,
    fields: ["history"],
    seen: 1,
    why: "The values start anew with each run, as the epochs do.",
    holds: ({ keras, ours }) => {
      const { loss = [] } = ours as { loss?: number[] };
      const all = (keras as { loss: number[] }).loss;
      return textOf(loss) === textOf(all.slice(all.length - loss.length)) && all.length >= 2;
    },
  },
  {
    groups: ["csv_logger"],
    fields: ["warned"],
    seen: 4,
    why: "A key that has no column is left out with a warning.",
    holds: ({ keras, ours }) =>
      keras === missing && /^other: keepfit: CSVLogger has no column for/.test(String(ours)),
  },
  {
    groups: ["csv_logger"],
    scenarios: /^what is no number$/,
    fields: ["files"],
    seen: 1,
    why: "JavaScript has one kind of number: in a list 1 is written as the float that it is.",
    holds: ({ keras, ours }) =>
      textOf(keras).replaceAll(/\b1\.0/g, "1") === textOf(ours).replaceAll(/\b1\.0/g, "1"),
  },
  {
    groups: ["csv_logger"],
    scenarios: /^line ends and blanks in text$/,
    fields: ["files"],
    seen: 1,
    why: "A carriage return alone is not quoted (@std/csv).",
    holds: ({ keras, ours }) =>
      textOf(keras).replace(String.raw`\"\r\"`, String.raw`\r`) === textOf(ours),
  },
  {
    groups: ["csv_logger"],
    fields: ["files"],
    seen: 14,
    why: "A file is replaced when the first epoch begins: a run that fails before loses nothing.",
    holds: ({ step, keras, ours }, { steps }) => {
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
    seen: 2,
    why: "Rows that are appended keep to the columns of the file; Keras writes them as they come.",
    holds: ({ keras, ours }, { name }) => {
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
    seen: 3,
    why: "Which text is a number is for JavaScript to say: 0x10 is, nan and 1_000 are not.",
    holds: ({ field, keras, ours }) => {
      if (field === "files") return cellsOf(keras).join() === cellsOf(ours).join();
      // The logs are the last argument of the one hook that was called.
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
    seen: 39,
    why: "A line is drawn over by a carriage return alone; Keras goes back by backspaces as well.",
    holds: ({ keras, ours }) => String(keras).replaceAll("\b", "") === ours && ours !== keras,
  },
  {
    groups: ["progress"],
    fields: ["printed"],
    seen: 9,
    why: "Negative values have the same form in the one line of an epoch as beside the bar.",
    holds: ({ keras, ours }) =>
      /-\d\.\d{4}e[+-]\d\d/.test(String(keras)) && isNearText(String(keras), String(ours), 1e-4),
  },
  {
    groups: ["progress"],
    scenarios: /^target 0$/,
    fields: ["printed"],
    seen: 1,
    why: "A run of no steps shows 0/0; Keras says that the number is not known.",
    holds: ({ keras, ours }) =>
      /0\/Unknown/.test(String(keras)) && String(ours).includes("[1m0/0\x1b"),
  },
  {
    groups: ["progress"],
    scenarios: /^more batches than steps$/,
    fields: ["printed"],
    seen: 1,
    why: "Where there are more batches than steps, the number of steps is not known.",
    holds: ({ keras, ours }) =>
      (/4\/3.*-\d+s/.test(String(keras)) && String(ours).includes("4/Unknown")) ||
      (String(keras).includes("3/3") && String(ours).includes("5/5")),
  },
  {
    groups: ["progress"],
    scenarios: /^predict/,
    fields: ["logs"],
    seen: 4,
    why: "The logs of a predicted batch are tensors: they are handed on as they came.",
    holds: ({ step, keras, ours }, { steps }) =>
      steps[step][0][0] === "predict_batch_end" && textOf(sorted(ours)) === textOf(keras),
  },
  {
    groups: ["progress"],
    scenarios: /^silent in validation, and after a fit$/,
    fields: ["printed"],
    seen: 1,
    why: "An instance that was used in a fit shows an evaluation that comes after it.",
    holds: ({ step, keras, ours }, { steps }) =>
      step > steps.findIndex(([[verb]]) => verb === "train_end") &&
      keras === missing && String(ours).includes("1/1"),
  },
  {
    groups: ["remote_monitor"],
    scenarios: /^an answer of 500/,
    fields: ["warned"],
    seen: 2,
    why: "A server that answers 400 and above is warned about.",
    holds: ({ keras, ours }) => keras === missing && /answered 500/.test(String(ours)),
  },
  {
    groups: ["remote_monitor"],
    scenarios: /^names that need escapes in a form$/,
    fields: ["requests"],
    seen: 1,
    why: "The web's form encoding escapes ~ and leaves *; every reader of forms reads the same.",
    holds: ({ keras, ours }) => {
      const read = (requests: unknown) =>
        (requests as string[][]).map((parts) => [...new URLSearchParams(parts[3])]);
      return textOf(read(keras)) === textOf(read(ours)) && textOf(read(keras)).includes("~*");
    },
  },
  {
    groups: ["remote_monitor"],
    scenarios: /^NaN and infinite as JSON$/,
    fields: ["warned"],
    seen: 1,
    why: "What is wrong is said, once a run: JSON has no NaN; Keras blames the server.",
    holds: ({ keras, ours }) =>
      textOf(keras) === `["unreachable"]` &&
      (ours === missing || /loss is NaN, which JSON cannot express/.test(String(ours))),
  },
  {
    groups: ["remote_monitor"],
    scenarios: /^no server$/,
    fields: ["warned"],
    seen: 1,
    why: "Training does not wait for the answer, so this is known later; it is told once a run.",
    holds: ({ keras, ours }) =>
      [keras, ours].filter((each) => textOf(each) === `["unreachable"]`).length === 1 &&
      [keras, ours].includes(missing),
  },
  {
    groups: ["callback_list"],
    scenarios: /^nested lists$/,
    fields: ["error"],
    seen: 1,
    why: "Lists in lists are flattened; on JAX, PyTorch and NumPy Keras fails.",
    holds: fails("AttributeError", missing),
  },
  {
    groups: ["callback_list"],
    fields: ["error"],
    seen: 6,
    why: "An end needs no begin: there is no thread pool to close.",
    holds: (mismatch, { steps }) =>
      /_end$/.test(steps[mismatch.step][0][0]) && fails("ValueError", missing)(mismatch),
  },
  {
    groups: ["callback_list"],
    scenarios: /^logs: beyond the basic plane$/,
    fields: ["logs", "calls"],
    seen: 1,
    why: "Keys are sorted as JavaScript does, which parts from Python beyond U+FFFF only.",
    holds: ({ keras, ours }) =>
      [...textOf(keras)].sort().join() === [...textOf(ours)].sort().join(),
  },
  {
    groups: ["hook_order"],
    scenarios: /a generator/,
    fields: ["events"],
    seen: 4,
    why: "A batch is fetched before its begin hook, so that every begin has its end.",
    holds: ({ keras, ours }) => {
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
    seen: 2,
    why: "An epoch of fewer steps goes on where the last one ended, and is never cut short.",
    holds: ({ field, ours }, { options }) => {
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

/** The same text but for its numbers, and those within a part of their size. */
function isNearText(one: string, two: string, part: number): boolean {
  const number = /-?\d+(?:\.\d+)?(?:e[+-]?\d+)?/g;
  const [ones, twos] = [one, two].map((text) => [...text.matchAll(number)].map(Number));
  return one.replaceAll(number, "0") === two.replaceAll(number, "0") &&
    ones.every((value, i) => Math.abs(value - twos[i]) <= part * Math.abs(value));
}
