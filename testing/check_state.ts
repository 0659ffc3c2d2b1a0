import type { CallbackLike, CallbackState } from "../core/callback.ts";
import { type CheckWorld, script } from "./check_callback.ts";
import type { DrivenRun } from "./drive_epochs.ts";
import { differenceOf, impurityOf } from "./plain_data.ts";
import { scriptedModel } from "./scripted_model.ts";

/**
 * Check that a callback's state is plain data, and that another instance with this state continues
 * as the first one would have.
 */
export async function checkState({ make, options, drive, problem }: CheckWorld): Promise<void> {
  const first = await make();
  if (typeof first.getState !== "function" || typeof first.setState !== "function") {
    if (typeof first.getState === typeof first.setState) return;
    return problem("it has only one of getState and setState");
  }
  const newModel = options.model ?? scriptedModel;
  const whole = await remembering(first, (neighbours) => drive([first, ...neighbours]));
  const impurity = whole.states.map((state) => impurityOf(state, "state")).find(Boolean);
  if (impurity !== undefined) return problem(`it is not plain data: ${impurity}`);
  const cut = Math.min(3, whole.states.length - 1);
  if (cut < 1) return;

  const model = newModel();
  const epochs = script.length;
  const before = await make();
  const begun = await remembering(before, (neighbours) =>
    drive([before, ...neighbours], {
      epochs: script.slice(0, cut),
      params: { epochs },
      model,
    }));
  const state = structuredClone(begun.states[cut - 1]);
  const after = await make();
  const resume: CallbackLike = {
    name: "restore",
    beforeTrainBegin: () => after.setState?.(state),
  };
  const ended = await remembering(after, (neighbours) =>
    drive([resume, after, ...neighbours], {
      epochs: script.slice(cut),
      params: { epochs, initialEpoch: cut },
      model,
    }));

  const rates = [...begun.run.learningRates, ...ended.run.learningRates];
  const differences = [
    differenceOf(ended.run.stoppedAt ?? null, whole.run.stoppedAt ?? null, "the epoch of the stop"),
    differenceOf(rates, whole.run.learningRates, "the learning rates"),
    differenceOf(ended.run.logs.map(keys), whole.run.logs.slice(cut).map(keys), "the log keys"),
    differenceOf(
      lasting(ended.states.at(-1), options.volatileState),
      lasting(whole.states.at(-1), options.volatileState),
      "the last state",
    ),
  ];
  for (const difference of differences) {
    if (difference !== undefined) problem(`another instance continues differently: ${difference}`);
  }
}

interface Remembered {
  run: DrivenRun;
  /** State after each epoch. */
  states: CallbackState[];
}

async function remembering(
  callback: CallbackLike,
  drive: (neighbours: CallbackLike[]) => Promise<DrivenRun>,
): Promise<Remembered> {
  const states: CallbackState[] = [];
  const look: CallbackLike = {
    name: "save",
    afterEpochEnd: async () => {
      const state = await callback.getState?.() ?? {};
      // Invalid data is a problem to report rather than an error.
      states.push(impurityOf(state, "state") === undefined ? structuredClone(state) : state);
    },
  };
  return { run: await drive([look]), states };
}

function keys(logs: object): string {
  return String(Object.keys(logs));
}

function lasting(state: CallbackState = {}, volatile: readonly string[] = []): CallbackState {
  return Object.fromEntries(Object.entries(state).filter(([key]) => !volatile.includes(key)));
}
