import type * as tfjs from "@tensorflow/tfjs";

/**
 * `tf.setBackend`, which reports a failure only by `false`, after which `getBackend()` names the
 * failed backend.
 *
 * @throws Error when the backend cannot be set
 */
export async function setBackend(tf: typeof tfjs, backend: string): Promise<void> {
  if (!(await tf.setBackend(backend))) {
    throw new Error(`tf.setBackend("${backend}") gave false: it is not registered or cannot start`);
  }
}
