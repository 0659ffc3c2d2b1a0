import { findEngine } from "./engine.ts";
import type { BatchRun, KernelRun, Recording } from "../tensorboard/trace.ts";

interface Shaped {
  shape: number[];
}

interface KernelProfile {
  outputs: Shaped[];
  /** Milliseconds, or an object that says why there are none. */
  timeMs: Promise<unknown>;
}

// Used by `tf.profile`; private to TypeScript. It lacks start times, so it is not enough here.
interface ProfiledEngine {
  readonly backendName: string;
  readonly state: {
    profiling: boolean;
    readonly numBytes: number;
    readonly activeProfile: { kernels: unknown[] };
  };
  readonly profiler: {
    profileKernel(
      name: string,
      inputs: Record<string, Shaped | null | undefined>,
      run: () => unknown,
    ): KernelProfile;
  };
}

interface RunningKernel extends Omit<KernelRun, "millis"> {
  time: Promise<unknown>;
  parent: RunningKernel | undefined;
}

/** Records every kernel that TensorFlow.js runs until {@linkcode stop}. */
export class KernelRecorder {
  #engine: ProfiledEngine;
  #begin = performance.now();
  #kernels: RunningKernel[] = [];
  #batches: BatchRun[] = [];
  #peakBytes = 0;
  #restore: () => void;

  /** @throws TypeError when TensorFlow.js is not loaded, or is already being profiled */
  constructor() {
    const engine = findEngine<ProfiledEngine>();
    if (engine?.profiler === undefined) {
      throw new TypeError("TensorFlow.js is not loaded");
    }
    const { state, profiler } = engine;
    if (state.profiling) throw new TypeError("TensorFlow.js is already being profiled");
    this.#engine = engine;
    const { profileKernel } = profiler;
    let parent: RunningKernel | undefined;
    profiler.profileKernel = (name, inputs, run) => {
      const kernel: RunningKernel = {
        name,
        start: this.#now(),
        hostMillis: 0,
        inputShapes: Object.values(inputs).flatMap((input) => input ? [input.shape] : []),
        outputShapes: [],
        time: Promise.resolve(undefined),
        parent,
      };
      this.#kernels.push(kernel);
      parent = kernel;
      try {
        const profile = profileKernel.call(profiler, name, inputs, run);
        kernel.time = profile.timeMs;
        kernel.outputShapes = profile.outputs.map(({ shape }) => shape);
        return profile;
      } finally {
        parent = kernel.parent;
        kernel.hostMillis = this.#now() - kernel.start;
        this.#peakBytes = Math.max(this.#peakBytes, state.numBytes);
      }
    };
    state.profiling = true;
    this.#restore = () => {
      profiler.profileKernel = profileKernel;
      state.profiling = false;
      state.activeProfile.kernels = [];
    };
  }

  /** Start a batch; the number is the global train batch, counted from 1. */
  beginBatch(batch: number): void {
    this.#batches.push({ batch, start: this.#now(), millis: 0 });
  }

  /** End the current batch. */
  endBatch(): void {
    const batch = this.#batches.at(-1);
    if (batch !== undefined) batch.millis = this.#now() - batch.start;
  }

  /** Restore TensorFlow.js; may be called again. */
  stop(): void {
    this.#restore();
    this.#restore = () => {};
  }

  /** The recording, once the backend has reported all times. */
  async recording(): Promise<Recording> {
    const times = await Promise.all(this.#kernels.map(({ time }) => time));
    // If the backend reports no time, that of the call is used.
    const whole = this.#kernels.map(({ hostMillis }, i) => {
      const time = times[i];
      return typeof time === "number" ? time : hostMillis;
    });
    const inside = new Map<RunningKernel, number>();
    this.#kernels.forEach(({ parent }, i) => {
      if (parent !== undefined) inside.set(parent, (inside.get(parent) ?? 0) + whole[i]);
    });
    return {
      backend: this.#engine.backendName,
      kernels: this.#kernels.map((kernel, i) => {
        const { time: _, parent: __, ...run } = kernel;
        return { ...run, millis: Math.max(0, whole[i] - (inside.get(kernel) ?? 0)) };
      }),
      batches: this.#batches,
      peakBytes: this.#peakBytes,
    };
  }

  #now(): number {
    return performance.now() - this.#begin;
  }
}
