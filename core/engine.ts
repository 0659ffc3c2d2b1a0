/** What the engine of TensorFlow.js holds; `tf.memory()` gives the same. */
export interface EngineMemory {
  numTensors: number;
  /** Bytes of their values, undisposed ones only. */
  numBytes: number;
}

/** The part of TensorFlow.js's engine that a callback may ask. */
export interface TensorEngine {
  memory(): EngineMemory;
}

/**
 * The engine of the user's TensorFlow.js; undefined where none was imported.
 *
 * `tf.engine()` is the same object. It stands on the global, where every copy of tfjs of one process
 * shares it, so that loops and callbacks reach it without a copy of their own. No other place knows
 * so: who needs more of it than its memory names the part as `Engine`.
 */
export function findEngine<Engine = TensorEngine>(): Engine | undefined {
  return (globalThis as { _tfengine?: Engine })._tfengine;
}
