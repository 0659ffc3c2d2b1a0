/** Fixtures of the tests in this room: runs without a training loop, and their output. */
import type { Params } from "../core/callback.ts";
import type { CallbacksArgument } from "../core/flatten.ts";
import type { TrainableModel } from "../core/model.ts";
import { type FileSystem, memoryFileSystem } from "../runtime/mod.ts";
import { driveEpochs } from "../testing/drive_epochs.ts";

/** Options of {@linkcode drive}. */
export interface Run {
  model?: TrainableModel;
  params?: Partial<Params>;
  /** Batches per epoch, with the logs of the epoch. Default: 0. */
  batches?: number;
  /** Called before an epoch ends, instead of training. */
  train?: (epoch: number) => unknown;
}

/** Drive callbacks through these epoch logs. Returns the number of epochs. */
export async function drive(
  callbacks: CallbacksArgument,
  epochs: object[],
  { model = { stopTraining: false }, params, batches = 0, train }: Run = {},
): Promise<number> {
  // Params have no keys of the logs, as in a custom loop, unless a test sets them.
  const known = { metrics: undefined, ...params };
  const { logs } = await driveEpochs(callbacks, { epochs, model, params: known, batches, train });
  return logs.length;
}

/** The epoch logs of these losses. */
export function losses(...values: number[]): { loss: number }[] {
  return values.map((loss) => ({ loss }));
}

/** Output and warnings of `run`. */
export async function captured(
  run: () => unknown,
): Promise<{ printed: string[]; warned: string[] }> {
  const { log, warn } = console;
  const printed: string[] = [];
  const warned: string[] = [];
  console.log = (message: string) => void printed.push(message);
  console.warn = (message: string) => void warned.push(message);
  try {
    await run();
  } finally {
    console.log = log;
    console.warn = warn;
  }
  return { printed, warned };
}

/**
 * A file system that fails once when data starts with one of these texts, after writing part of it.
 */
export function failingOnce(...beginnings: string[]): { fs: FileSystem; real: FileSystem } {
  const real = memoryFileSystem();
  const fs: FileSystem = {
    ...real,
    async open(path, mode) {
      const file = await real.open(path, mode);
      return {
        sync: () => file.sync(),
        close: () => file.close(),
        async write(data) {
          const text = typeof data === "string" ? data : new TextDecoder().decode(data);
          if (!beginnings.some((beginning) => text.startsWith(beginning))) return file.write(data);
          await file.write(text.slice(0, 4));
          throw new Error("no space left");
        },
      };
    },
  };
  return { fs, real };
}
