import type * as tfjs from "@tensorflow/tfjs";

const seen = new WeakSet<object>();

/**
 * Suppress TensorFlow.js's advertisement of tfjs-node, which its cpu backend prints with the first
 * tensor written to it: perform that write here in production mode, in which tfjs prints no
 * notices. Neither the current backend nor the count of tensors changes. Once a tensor exists on
 * cpu it is too late; before a backend is set, it lasts only if one is set by name.
 *
 * @param tf the TensorFlow.js that the models are made with
 */
export function skipBanner(tf: typeof tfjs): void {
  const cpu = tf.findBackend("cpu");
  if (cpu === null || seen.has(cpu)) return;
  seen.add(cpu);
  const env = tf.env();
  const isProduction = env.getBool("PROD");
  env.set("PROD", true);
  try {
    cpu.disposeData(cpu.write(new Float32Array(1), [1], "float32"));
  } finally {
    env.set("PROD", isProduction);
  }
}
