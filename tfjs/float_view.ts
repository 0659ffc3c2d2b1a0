/**
 * A view of a whole memory as float32.
 *
 * @returns a function that returns it, valid until the memory grows
 */
export function floatView(memory: WebAssembly.Memory): () => Float32Array {
  let view = new Float32Array(memory.buffer);
  return () => {
    // Growth detaches the buffer.
    if (view.buffer !== memory.buffer) {
      view = new Float32Array(memory.buffer, 0, Math.floor(memory.buffer.byteLength / 4));
    }
    return view;
  };
}
