import type { QuickJSContext, QuickJSHandle, QuickJSWASMModule } from "quickjs-emscripten-core";

/** Creates values in a sandbox and reads values from it, without running the plugin's code. */
export class GuestValues {
  readonly #context: QuickJSContext;
  readonly #wasm: QuickJSWASMModule;
  readonly #memory: WebAssembly.Memory;
  readonly #endWithoutMemory: () => Error;

  /** @param endWithoutMemory returns the error to throw if memory runs out */
  constructor(
    context: QuickJSContext,
    wasm: QuickJSWASMModule,
    memory: WebAssembly.Memory,
    endWithoutMemory: () => Error,
  ) {
    this.#context = context;
    this.#wasm = wasm;
    this.#memory = memory;
    this.#endWithoutMemory = endWithoutMemory;
  }

  /** A member of an object that no plugin has access to. */
  member(object: QuickJSHandle, name: string): QuickJSHandle {
    return this.#context.getProp(object, name);
  }

  newNumber(value: number): QuickJSHandle {
    return this.#context.newNumber(value);
  }

  /** @param text without U+0000, which would end it */
  newText(text: string): QuickJSHandle {
    const { module, ffi, context } = this.#parts;
    const size = module.lengthBytesUTF8(text) + 1;
    const address = this.#allocate(size);
    module.stringToUTF8(text, address as never, size);
    const pointer = ffi.QTS_NewString(context, address as never);
    module._free(address);
    return this.#handle(pointer);
  }

  /** @returns an `ArrayBuffer` with a copy, which does not count towards the plugin's memory */
  newBytes(bytes: Uint8Array): QuickJSHandle {
    const address = this.#allocate(bytes.length);
    new Uint8Array(this.#memory.buffer).set(bytes, address);
    return this.#newBuffer(address, bytes.length);
  }

  /**
   * Create memory that both sides share.
   *
   * @returns the `ArrayBuffer` in the sandbox, and a function that returns the host's current view:
   * a view becomes invalid when the memory grows
   */
  newSharedNumbers(count: number): [QuickJSHandle, () => Float64Array] {
    const address = this.#allocate(count * Float64Array.BYTES_PER_ELEMENT);
    let view = new Float64Array(this.#memory.buffer, address, count);
    return [
      this.#newBuffer(address, view.byteLength),
      () => {
        if (view.length === 0) view = new Float64Array(this.#memory.buffer, address, count);
        return view;
      },
    ];
  }

  get undefined(): QuickJSHandle {
    return this.#context.undefined;
  }

  numberOf(handle: QuickJSHandle): number {
    return this.#context.getNumber(handle);
  }

  textOf(handle: QuickJSHandle): string {
    return this.#context.getString(handle);
  }

  /** @returns a copy of an `ArrayBuffer`; undefined for undefined */
  bytesOf(handle: QuickJSHandle): Uint8Array | undefined {
    if (this.#context.typeof(handle) === "undefined") return undefined;
    const lifetime = this.#context.getArrayBuffer(handle);
    const copy = lifetime.value.slice();
    lifetime.dispose();
    return copy;
  }

  #allocate(size: number): number {
    const address = this.#parts.module._malloc(Math.max(size, 8));
    if (address === 0) throw this.#endWithoutMemory();
    return address;
  }

  #newBuffer(address: number, size: number): QuickJSHandle {
    const { ffi, context } = this.#parts;
    return this.#handle(ffi.QTS_NewArrayBuffer(context, address as never, size));
  }

  #handle(pointer: number): QuickJSHandle {
    return this.#context["memory"].heapValueHandle(pointer as never);
  }

  // The package's public functions write to address 0 when memory runs out, and make unnecessary
  // copies of strings and bytes.
  get #parts() {
    return {
      module: this.#context["module"],
      ffi: this.#wasm.getFFI(),
      context: this.#context["ctx"].value,
    };
  }
}
