import type {
  EmscriptenModuleLoader,
  EmscriptenModuleLoaderOptions,
  JSModuleLoader,
  QuickJSContext,
  QuickJSEmscriptenModule,
  QuickJSHandle,
  QuickJSRuntime,
  QuickJSSyncVariant,
  QuickJSWASMModule,
} from "quickjs-emscripten-core";
import { PluginError } from "../errors.ts";
import type { PluginLimits } from "../limits.ts";
import { compileInterpreter } from "./interpreter_code.ts";
import { fuelExport } from "./loop_fuel.ts";

/** A function that the sandbox may call. */
export type HostFunction = (...args: QuickJSHandle[]) => QuickJSHandle | undefined;

type ModuleLoader = EmscriptenModuleLoader<QuickJSEmscriptenModule>;
type Limits = Required<Pick<PluginLimits, "callTime" | "memory">>;

/**
 * A JavaScript interpreter of its own: one instance of QuickJS, in one WebAssembly memory, for one
 * plugin. Whatever enters it goes through {@linkcode Interpreter.run}, which gives it its time. What
 * breaks it ends it and nothing else.
 */
export class Interpreter {
  readonly #id: string;
  readonly #limits: Limits;
  readonly #memory: WebAssembly.Memory;
  readonly #runtime: QuickJSRuntime;
  readonly #context: QuickJSContext;
  readonly #wasm: QuickJSWASMModule;
  readonly #fuel: WebAssembly.Global<"i32">;
  /** Turns of loops that built-in functions may take between two looks at the clock. */
  readonly #tank: number;
  #death: PluginError | undefined;
  #isRunning = false;
  #isClosed = false;
  #deadline = 0;
  #isLate = false;

  private constructor(
    id: string,
    limits: Limits,
    wasm: QuickJSWASMModule,
    memory: WebAssembly.Memory,
    fuel: WebAssembly.Global<"i32">,
    loader: JSModuleLoader,
  ) {
    this.#id = id;
    this.#limits = limits;
    this.#memory = memory;
    this.#fuel = fuel;
    this.#tank = Math.min(Math.max(limits.callTime * turnsInMillisecond, leastTank), mostTank);
    this.#wasm = wasm;
    this.#runtime = wasm.newRuntime();
    this.#runtime.setMemoryLimit(limits.memory);
    this.#runtime.setMaxStackSize(stackSize);
    this.#runtime.setModuleLoader(loader, (_base, name) => name);
    this.#runtime.setInterruptHandler(() => {
      this.#fuel.value = this.#tank;
      return this.#isLate ||= performance.now() > this.#deadline;
    });
    this.#fuel.value = mostTank;
    this.#context = this.#runtime.newContext();
  }

  /**
   * Start one.
   *
   * @param id what messages call the plugin
   * @param loader gives the text of a module
   */
  static async start(id: string, limits: Limits, loader: JSModuleLoader): Promise<Interpreter> {
    const [core, { default: variant }] = await Promise.all([
      import("quickjs-emscripten-core"),
      import("@jitl/quickjs-singlefile-mjs-release-sync"),
    ]);
    // Beyond the plugin's own there is what crosses, which is in there twice for a moment.
    const pages = Math.ceil((firstMemory + 3 * limits.memory) / pageSize);
    const memory = new WebAssembly.Memory({
      initial: firstMemory / pageSize,
      maximum: Math.min(pages, mostPages),
    });
    let fuel: WebAssembly.Global<"i32"> | undefined;
    const own: QuickJSSyncVariant = {
      ...variant,
      async importModuleLoader() {
        const load = await variant.importModuleLoader();
        const loadModule = ("default" in load ? load.default : load) as ModuleLoader;
        const code = await compileInterpreter(loadModule);
        const options: EmscriptenModuleLoaderOptions & { printErr(): void } = {
          wasmMemory: memory,
          // Why it aborted is in the error.
          printErr() {},
          async instantiateWasm(imports, onSuccess) {
            const instance = await WebAssembly.instantiate(code, imports);
            fuel = instance.exports[fuelExport] as WebAssembly.Global<"i32">;
            fuel.value = mostTank;
            onSuccess(instance);
            return instance.exports;
          },
        };
        return () => loadModule(options);
      },
    };
    const wasm = await core.newQuickJSWASMModuleFromVariant(own);
    return new Interpreter(id, limits, wasm, memory, fuel as WebAssembly.Global<"i32">, loader);
  }

  /** Why it has ended; undefined while it lives. */
  get death(): PluginError | undefined {
    return this.#death;
  }

  /** False once it was closed or has ended. */
  get isAlive(): boolean {
    return this.#death === undefined && !this.#isClosed;
  }

  /**
   * Let code run in the sandbox, for as long as one call may.
   *
   * @param act enters the sandbox, as often as it likes
   * @throws PluginError `E_TIMEOUT`, `E_SANDBOX` when that ended it, or something had before
   */
  run<T>(act: () => T): T {
    if (this.#death !== undefined) throw this.#again(this.#death);
    if (this.#isClosed || this.#isRunning) {
      throw new PluginError("E_SANDBOX", `Cannot call plugin ${this.#id}`, {
        actual: this.#isClosed ? "its sandbox is closed" : "it is in a call",
      });
    }
    this.#deadline = performance.now() + this.#limits.callTime;
    this.#fuel.value = this.#tank;
    this.#isRunning = true;
    try {
      const result = act();
      if (this.#isLate) throw this.end("E_TIMEOUT", this.#tooLong());
      if (this.#death !== undefined) throw this.#death;
      return result;
    } catch (error) {
      if (error instanceof PluginError) throw error;
      throw this.#broke(error);
    } finally {
      this.#isRunning = false;
    }
  }

  /** Call a function in the sandbox. Only within {@linkcode run}. @returns the number it gives */
  call(callee: QuickJSHandle, ...args: QuickJSHandle[]): number {
    const result = this.#call(callee, args);
    const number = this.#context.getNumber(result);
    result.dispose();
    return number;
  }

  /** As {@linkcode call}, for a function that gives a string. */
  callForText(callee: QuickJSHandle): string {
    const result = this.#call(callee, []);
    const text = this.#context.getString(result);
    result.dispose();
    return text;
  }

  /** As {@linkcode call}, for a function that gives an `ArrayBuffer` or undefined. @returns a copy */
  callForBytes(callee: QuickJSHandle): Uint8Array | undefined {
    const result = this.#call(callee, []);
    const bytes = this.bytesOf(result);
    result.dispose();
    return bytes;
  }

  /** Run the jobs of promises until there are none. Only within {@linkcode run}. */
  pump(): void {
    while (this.#runtime.hasPendingJob()) {
      const result = this.#runtime.executePendingJobs(jobsAtOnce);
      result.dispose();
      this.#isLate ||= performance.now() > this.#deadline;
      if (this.#isLate) throw this.end("E_TIMEOUT", this.#tooLong());
    }
  }

  /** Make a function that the sandbox can call. What it takes is not counted as the plugin's time. */
  newFunction(call: HostFunction): QuickJSHandle {
    return this.#context.newFunction((...args) => {
      try {
        checkHeadroom();
      } catch (cause) {
        throw this.end("E_SANDBOX", { what: "it recursed too deep", cause });
      }
      const began = performance.now();
      try {
        return call(...args);
      } finally {
        this.#deadline += performance.now() - began;
      }
    });
  }

  /** Evaluate a script. Only within {@linkcode run}. */
  evaluate(code: string, name: string): QuickJSHandle {
    return this.#context.unwrapResult(this.#context.evalCode(code, name));
  }

  /** Call a function, for what it gives. Only within {@linkcode run}. */
  callForHandle(callee: QuickJSHandle, ...args: QuickJSHandle[]): QuickJSHandle {
    return this.#call(callee, args);
  }

  /** A member of an object that no plugin has seen. */
  member(object: QuickJSHandle, name: string): QuickJSHandle {
    return this.#context.getProp(object, name);
  }

  /** @param text without the character 0, which would end it */
  newText(text: string): QuickJSHandle {
    const { module, ffi, context } = this.#parts;
    const size = module.lengthBytesUTF8(text) + 1;
    const place = this.#allocate(size);
    module.stringToUTF8(text, place as never, size);
    const pointer = ffi.QTS_NewString(context, place as never);
    module._free(place);
    return this.#handle(pointer);
  }

  /** @returns an `ArrayBuffer` with a copy, which is not counted as the plugin's memory */
  newBytes(bytes: Uint8Array): QuickJSHandle {
    const place = this.#allocate(bytes.length);
    new Uint8Array(this.#memory.buffer).set(bytes, place);
    return this.#newBuffer(place, bytes.length);
  }

  /**
   * Memory that both sides see.
   *
   * @returns the `ArrayBuffer` in the sandbox, and a function that gives the host's present view: a
   *   view is dead once the memory has grown
   */
  newSharedNumbers(count: number): [QuickJSHandle, () => Float64Array] {
    const place = this.#allocate(count * Float64Array.BYTES_PER_ELEMENT);
    let view = new Float64Array(this.#memory.buffer, place, count);
    return [
      this.#newBuffer(place, view.byteLength),
      () => {
        if (view.length === 0) view = new Float64Array(this.#memory.buffer, place, count);
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

  /** Bytes that the plugin and its interpreter hold. */
  get usedMemory(): number {
    const usage = this.#runtime.computeMemoryUsage();
    const size = this.#context.getProp(usage, "memory_used_size");
    const bytes = this.#context.getNumber(size);
    size.dispose();
    usage.dispose();
    return bytes;
  }

  /** End it for a reason, for good. @returns the error to throw */
  end(code: "E_SANDBOX" | "E_TIMEOUT", reason: Reason): PluginError {
    const { what, ...context } = reason;
    return this.#death ??= new PluginError(
      code,
      `Cannot go on with plugin ${this.#id}: ${what}`,
      context,
    );
  }

  /** End it because it has no more memory. @returns the error to throw */
  endWithoutMemory(): PluginError {
    return this.end("E_SANDBOX", {
      what: "it wants more memory than it may have",
      expected: `at most ${this.#limits.memory} bytes`,
      hint: "{ limits: { memory } } gives it more",
    });
  }

  /**
   * Free all that it holds. It may be closed again.
   *
   * @param handles those that were kept
   * @throws Error when a handle was forgotten
   */
  close(handles: Iterable<QuickJSHandle>): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    // What was ended in the middle is not to be entered again; it goes as a whole, with its memory.
    if (this.#death !== undefined || this.#isRunning) return;
    this.#fuel.value = mostTank;
    for (const handle of handles) handle.dispose();
    this.#context.dispose();
    this.#runtime.dispose();
  }

  #call(callee: QuickJSHandle, args: QuickJSHandle[]): QuickJSHandle {
    const result = this.#context.callFunction(callee, this.#context.undefined, args);
    if (result.error === undefined) return result.value;
    // The prelude lets nothing out that can be caught.
    result.error.dispose();
    throw this.#isLate ? this.end("E_TIMEOUT", this.#tooLong()) : this.endWithoutMemory();
  }

  #tooLong(): Reason {
    return {
      what: "a call computed for too long",
      expected: `at most ${this.#limits.callTime} ms`,
      hint: "{ limits: { callTime } } gives it more",
    };
  }

  #broke(cause: unknown): PluginError {
    if (this.#fuel.value === 0) return this.end("E_TIMEOUT", this.#tooLong());
    if (cause instanceof RangeError) {
      return this.end("E_SANDBOX", { what: "it recursed too deep", cause });
    }
    return this.end("E_SANDBOX", { what: "its interpreter broke down", cause });
  }

  #again(death: PluginError): PluginError {
    const [first, ...rest] = death.message.split("\n");
    return new PluginError(
      death.code,
      [first.replace("Cannot go on with", "Cannot call"), ...rest].join("\n"),
      { cause: death },
    );
  }

  #allocate(size: number): number {
    const place = this.#parts.module._malloc(Math.max(size, 8));
    if (place === 0) throw this.endWithoutMemory();
    return place;
  }

  #newBuffer(place: number, size: number): QuickJSHandle {
    const { ffi, context } = this.#parts;
    return this.#handle(ffi.QTS_NewArrayBuffer(context, place as never, size));
  }

  #handle(pointer: number): QuickJSHandle {
    return this.#context["memory"].heapValueHandle(pointer as never);
  }

  // Public functions of the package write to address 0 when there is no memory, and cut strings and
  // bytes into more copies than there must be.
  get #parts() {
    return {
      module: this.#context["module"],
      ffi: this.#wasm.getFFI(),
      context: this.#context["ctx"].value,
    };
  }
}

/** What is told of an end. */
export interface Reason {
  what: string;
  expected?: string;
  hint?: string;
  cause?: unknown;
}

const pageSize = 65536;
const mostPages = 32768;
const firstMemory = 16 * 1024 * 1024;
const jobsAtOnce = 256;
// About as much as takes a millisecond, in loops of three to five instructions.
const turnsInMillisecond = 200_000;
const leastTank = 20_000_000;
const mostTank = 2 ** 31 - 1;
// What QuickJS counts. Its built-in functions take more of the host's stack, which may end first.
const stackSize = 256 * 1024;

/**
 * Throws while there is still room to do so: a plugin that recurses deep enough could otherwise have
 * a function of the host end in its middle.
 */
function checkHeadroom(left = 60): number {
  return left === 0 ? 0 : 1 + checkHeadroom(left - 1);
}
