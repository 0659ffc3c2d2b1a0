import type * as tfjs from "@tensorflow/tfjs";

/**
 * Check an argument that must be TensorFlow.js.
 *
 * @throws TypeError for anything else
 */
export function checkTensorFlow(tf: unknown, action: string): asserts tf is typeof tfjs {
  const { engine, findBackend } = Object(tf) as Record<string, unknown>;
  if (typeof engine === "function" && typeof findBackend === "function") return;
  const got = typeof tf === "string" ? JSON.stringify(tf) : tf === null ? "null" : typeof tf;
  throw new TypeError(
    `Cannot ${action}: expected TensorFlow.js as the first argument, got ${got}; pass the tf of ` +
      `import * as tf from "@tensorflow/tfjs"`,
  );
}
