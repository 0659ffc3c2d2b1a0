import type { Engine } from "./engine.ts";
import { type DeviceBackend, submit } from "./fused/device.ts";
import { keepUniforms } from "./uniforms.ts";

interface Flags {
  getNumber(flag: string): number;
  set(flag: string, value: number): void;
}

const flag = "WEBGPU_DEFERRED_SUBMIT_BATCH_SIZE";

/** Number of dispatches after which tfjs submits. */
const tfjsLimit = 15;

/** Number of dispatches after which a run submits: those of about one step. */
const runLimit = 64;

/** Bytes of new tensors after which a run submits as tfjs does. */
const maxBytes = 64 * 2 ** 20;

/**
 * Submit the commands of WebGPU in larger batches. A submission costs much more than a dispatch; but
 * until it is made, the device waits, and no buffer is reused. So it is also made when the new
 * tensors of a batch are large.
 *
 * Other backends, and a limit of the user's own in the flag of TensorFlow.js, are left alone.
 *
 * @returns a function that restores the limit
 */
export function batchSubmissions(engine: Engine | undefined): () => void {
  const nothing = () => {};
  if (engine?.backendName !== "webgpu") return nothing;
  const backend = engine.backend as DeviceBackend;
  const { ENV: flags } = engine as Engine & { ENV: Flags };
  if (backend.bufferManager?.numBytesUsed === undefined) return nothing;
  if (limitOf(flags) !== tfjsLimit) return nothing;
  flags.set(flag, runLimit);
  let before = backend.bufferManager.numBytesUsed;
  const { ensureCommandEncoderReady } = backend;
  // Called for each command, before its dispatch is counted and the count compared.
  const watched = () => {
    const { numBytesUsed } = backend.bufferManager;
    if (backend.commandEncoder === null) before = numBytesUsed;
    else if (backend.dispatchCountInPass >= tfjsLimit - 1 && numBytesUsed - before > maxBytes) {
      backend.dispatchCountInPass = Math.max(backend.dispatchCountInPass, runLimit - 1);
    }
    ensureCommandEncoderReady.call(backend);
  };
  backend.ensureCommandEncoderReady = watched;
  const releaseUniforms = keepUniforms(backend);
  return () => {
    if (limitOf(flags) === runLimit) flags.set(flag, tfjsLimit);
    if (backend.ensureCommandEncoderReady === watched) {
      backend.ensureCommandEncoderReady = ensureCommandEncoderReady;
    }
    releaseUniforms();
    if (backend.dispatchCountInPass >= tfjsLimit) submit(backend);
  };
}

/** The current limit; undefined if this TensorFlow.js has none. */
function limitOf(flags: Flags): number | undefined {
  try {
    return flags.getNumber(flag);
  } catch {
    return undefined;
  }
}
