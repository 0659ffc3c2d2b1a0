import { Callback, type CallbackOptions } from "../core/callback.ts";
import { type EngineMemory, findEngine } from "../tfjs/engine.ts";
import type { Logs } from "../core/logs.ts";
import { callable, callbackOptions, checkOptions, epochOrStep } from "./options.ts";

/** Memory of a backend, as reported by `tf.memory()`; each backend omits unknown values. */
export interface DeviceMemory extends EngineMemory {
  /** Bytes of tensors on the graphics card. */
  numBytesInGPU?: number;
  /** Bytes allocated on the graphics card, including those kept for later tensors. */
  numBytesAllocatedInGPU?: number;
  /** Bytes of the WebAssembly heap, which never shrinks. */
  numBytesInHeap?: number;
  /** Whether the values are estimates. Default: false. */
  unreliable?: boolean;
  /** Reasons why they are estimates. */
  reasons?: string[];
}

/** Options of {@linkcode DeviceStatsMonitor}. */
export interface DeviceStatsMonitorOptions extends CallbackOptions {
  /** Logs to add to: those of each epoch, or also of each step. Default: `"epoch"`. */
  every?: "epoch" | "step";
  /** Source of the statistics, such as `tf.memory`. Default: the engine and its backend. */
  memory?: () => DeviceMemory;
}

/**
 * Add the memory of tensors to the logs, where later callbacks, the history and TensorBoard see it.
 *
 * | key                   | what                                             | backend |
 * | --------------------- | ------------------------------------------------ | ------- |
 * | `num_tensors`         | tensors that are not disposed                      | all     |
 * | `tensor_bytes`        | bytes of their values                            | all     |
 * | `wasm_heap_bytes`     | bytes of the WebAssembly heap; it never shrinks  | wasm    |
 * | `gpu_bytes`           | bytes of tensors on the card                     | webgpu  |
 * | `gpu_allocated_bytes` | bytes allocated on the card, including reserves | webgpu  |
 *
 * The query does not wait for the device. If the backend reports its numbers as estimates, as cpu
 * does, `unreliableReasons` contains the reasons. Modeled on PyTorch Lightning's callback of this
 * name.
 *
 * @example
 * ```ts
 * import { CallbackList, DeviceStatsMonitor, History } from "keepfit";
 * import * as tf from "@tensorflow/tfjs";
 * import assert from "node:assert/strict";
 *
 * const history = new History();
 * const list = new CallbackList([new DeviceStatsMonitor({ memory: tf.memory }), history]);
 * const kept = tf.zeros([256]);
 * await list.onEpochEnd(0, { loss: 1 });
 * assert.deepEqual(history.history.tensor_bytes, [tf.memory().numBytes]);
 * assert.ok(history.history.tensor_bytes[0] >= 1024);
 * kept.dispose();
 * ```
 */
export class DeviceStatsMonitor extends Callback {
  /** Name in messages and saved states. */
  static override readonly className: string = "DeviceStatsMonitor";

  /** Logs to which the statistics are added. */
  readonly every: "epoch" | "step";
  /** Reasons why the last numbers are estimates; empty if they are exact. */
  unreliableReasons: readonly string[] = [];
  #memory: () => DeviceMemory | undefined;

  /**
   * Add memory statistics to the logs.
   *
   * @param options source of the statistics, and when to query it
   * @throws TypeError for an option of the wrong type
   * @throws RangeError for an unknown `every`
   */
  constructor(options: DeviceStatsMonitorOptions = {}) {
    super(options);
    checkOptions(this, DeviceStatsMonitor, options, {
      ...callbackOptions,
      every: epochOrStep,
      memory: callable,
    });
    this.every = options.every ?? "epoch";
    this.#memory = options.memory ?? deviceMemory;
    // Only if needed, because a batch hook is called for every batch.
    if (this.every === "step") this.onTrainBatchEnd = (_batch, logs) => this.#write(logs);
  }

  /** False: it adds to the logs but does not read them. */
  override readsBatchLogs(): boolean {
    return false;
  }

  /** Add the statistics to the logs, for `every: "epoch"`. */
  override onEpochEnd(_epoch: number, logs: Logs): void {
    this.#write(logs);
  }

  #write(logs: Logs): void {
    const memory = this.#memory();
    if (memory === undefined) return;
    this.unreliableReasons = memory.unreliable ? memory.reasons ?? ["reported by the backend"] : [];
    for (const [key, name] of Object.entries(keys)) {
      const value = memory[name];
      if (typeof value === "number") logs[key] = value;
    }
  }
}

const keys: Record<string, keyof DeviceMemory> = {
  num_tensors: "numTensors",
  tensor_bytes: "numBytes",
  wasm_heap_bytes: "numBytesInHeap",
  gpu_bytes: "numBytesInGPU",
  gpu_allocated_bytes: "numBytesAllocatedInGPU",
};

/** The part of the engine that reports memory; `wasm` is the module of that backend. */
interface DeviceEngine {
  readonly backend: { readonly wasm?: { readonly HEAPU8: Uint8Array } };
  memory(): DeviceMemory;
}

function deviceMemory(): DeviceMemory | undefined {
  const engine = findEngine<DeviceEngine>();
  if (engine === undefined) return undefined;
  const heap = engine.backend.wasm?.HEAPU8.byteLength;
  return { ...engine.memory(), numBytesInHeap: heap };
}
