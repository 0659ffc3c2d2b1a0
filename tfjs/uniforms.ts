import type { DeviceBackend } from "./fused/device.ts";

/** Parameters of a kernel: the shapes of its tensors, and numbers. */
type Uniforms = { type: string; data: number[] }[];

interface Binding {
  buffer: object;
}

type UniformBackend = DeviceBackend & {
  /** Creates, writes and binds a buffer that is reused after the submission. */
  makeUniforms(uniforms: Uniforms): Binding;
};

/** Number of different parameters that are kept, those of a few hundred kernels. */
const maxKept = 1024;

/**
 * Keep the buffers of kernels' parameters. TensorFlow.js writes one for each dispatch, though the
 * shapes are the same in each step, and every write is a command of its own.
 *
 * @returns a function that gives the buffers back
 */
export function keepUniforms(given: DeviceBackend): () => void {
  const backend = given as UniformBackend;
  const { makeUniforms } = backend;
  const kept = new Map<string, Binding>();
  const release = () => {
    // Commands that are not submitted yet may use them.
    for (const { buffer } of kept.values()) backend.uniformPendingDisposal.push(buffer);
    kept.clear();
  };
  const keeping = (uniforms: Uniforms): Binding => {
    const key = keyOf(uniforms);
    const found = kept.get(key);
    if (found !== undefined) return found;
    if (kept.size === maxKept) release();
    const made = makeUniforms.call(backend, uniforms);
    // Pushed for reuse after the submission.
    backend.uniformPendingDisposal.pop();
    kept.set(key, made);
    return made;
  };
  backend.makeUniforms = keeping;
  return () => {
    if (backend.makeUniforms === keeping) backend.makeUniforms = makeUniforms;
    release();
  };
}

function keyOf(uniforms: Uniforms): string {
  let key = "";
  for (const { type, data } of uniforms) {
    key += type;
    for (const value of data) key += Object.is(value, -0) ? " -0" : ` ${value}`;
  }
  return key;
}
