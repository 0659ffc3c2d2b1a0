import type * as tfjs from "@tensorflow/tfjs";

/** A backend that {@linkcode useBackend} can choose. Sorted. */
export type BackendName = "cpu" | "wasm";

/** `"auto"` takes the fastest that works: wasm, then cpu. */
export type BackendChoice = "auto" | BackendName;

/** What {@linkcode useBackend} came to. */
export interface ChosenBackend {
  /** The backend that is set now, and has been seen to work. */
  backend: BackendName;
  /** Why each one that was tried before it did not work. */
  reasons: { backend: BackendName; reason: string }[];
}

const order: Record<BackendChoice, BackendName[]> = {
  auto: ["wasm", "cpu"],
  wasm: ["wasm", "cpu"],
  cpu: ["cpu"],
};

/**
 * Set the backend of TensorFlow.js to one that works here. Each candidate is set, checked and made
 * to multiply two matrices; when it fails the next one is tried, so that tfjs is never left on a
 * backend that does not work.
 *
 * @param tf the TensorFlow.js that the models are made with
 * @param choice what is wanted; `"wasm"` falls back to cpu and says why. Default: `"auto"`
 * @returns the backend that is set, and why not another one
 * @throws RangeError when `choice` is none of the three
 * @throws Error when not even cpu works, as when its package is absent
 * @example
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { useBackend } from "keepfit/runtime";
 * import assert from "node:assert/strict";
 *
 * const { backend, reasons } = await useBackend(tf, "cpu");
 * assert.equal(backend, "cpu");
 * assert.equal(tf.getBackend(), "cpu");
 * assert.deepEqual(reasons, []);
 * ```
 */
export async function useBackend(
  tf: typeof tfjs,
  choice: BackendChoice = "auto",
): Promise<ChosenBackend> {
  if (!Object.hasOwn(order, choice)) {
    throw new RangeError(
      `Cannot use backend ${JSON.stringify(choice)}: it must be "auto", "wasm" or "cpu"`,
    );
  }
  const reasons: ChosenBackend["reasons"] = [];
  for (const backend of order[choice]) {
    try {
      if (backend === "wasm") await startWasm(tf);
      else await setBackend(tf, backend);
      await multiply(tf);
      return { backend, reasons };
    } catch (error) {
      reasons.push({ backend, reason: error instanceof Error ? error.message : String(error) });
    }
  }
  const told = reasons.map(({ backend, reason }) => `${backend}: ${reason}`).join("; ");
  throw new Error(`Cannot use any backend of TensorFlow.js (${told})`);
}

/** setBackend tells a failure by `false` only, and getBackend() then names the failed one. */
async function setBackend(tf: typeof tfjs, backend: BackendName): Promise<void> {
  if (!(await tf.setBackend(backend))) {
    throw new Error(`tf.setBackend("${backend}") gave false: it is not registered or cannot start`);
  }
}

/**
 * Its start-up makes the process rethrow every uncaught error and unhandled rejection, also those
 * that have nothing to do with it; those listeners are taken off again.
 */
async function startWasm(tf: typeof tfjs): Promise<void> {
  const { process } = globalThis as { process?: ListeningProcess };
  const events = ["uncaughtException", "unhandledRejection"] as const;
  const before = events.map((event) => new Set(process?.listeners(event)));
  try {
    await import("@tensorflow/tfjs-backend-wasm");
    await setBackend(tf, "wasm");
  } finally {
    events.forEach((event, i) => {
      for (const listener of process?.listeners(event) ?? []) {
        if (!before[i].has(listener)) process?.removeListener(event, listener);
      }
    });
  }
}

type Listener = (...args: unknown[]) => void;

interface ListeningProcess {
  listeners(event: string): Listener[];
  removeListener(event: string, listener: Listener): void;
}

async function multiply(tf: typeof tfjs): Promise<void> {
  const product = tf.tidy(() => tf.matMul([[1, 2], [3, 4]], [[5, 6], [7, 8]]));
  try {
    const values = String(await product.data());
    if (values !== "19,22,43,50") throw new Error(`it multiplies wrongly: ${values}`);
  } finally {
    product.dispose();
  }
}
