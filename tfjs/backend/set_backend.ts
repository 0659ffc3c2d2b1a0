import type * as tfjs from "@tensorflow/tfjs";

/**
 * Call `tf.setBackend`, which reports a failure only by returning `false`, after which
 * `getBackend()` names the failed backend.
 *
 * @throws Error when the backend cannot be set
 */
export async function setBackend(tf: typeof tfjs, backend: string): Promise<void> {
  if (!(await tf.setBackend(backend))) {
    throw new Error(
      `tf.setBackend("${backend}") returned false: the backend is not registered or cannot start`,
    );
  }
}
