import type {
  JSModuleLoader,
  QuickJSContext,
  QuickJSHandle,
  QuickJSRuntime,
} from "quickjs-emscripten-core";
import { PluginError } from "../../errors.ts";
import type { PluginLimits } from "../../project/limits.ts";
import { GuestValues } from "./guest_values.ts";
import { mostFuel, type QuickJSInstance, startQuickJS } from "./quickjs_instance.ts";

/** A function that the sandbox may call. */
export type HostFunction = (...args: QuickJSHandle[]) => QuickJSHandle | undefined;

type Limits = Required<Pick<PluginLimits, "callTime" | "hookTime" | "memory">>;

/**
 * A JavaScript interpreter of its own: one instance of QuickJS, in one WebAssembly memory, for one
 * plugin. Whatever enters it goes through {@linkcode Interpreter.run}, which gives it its time. What
 * breaks it ends it and nothing else.
 */
export class Interpreter {
  /** What goes in and comes out. */
  readonly values: GuestValues;
  readonly #id: string;
  readonly #limits: Limits;
  readonly #isFull: () => boolean;
  readonly #runtime: QuickJSRuntime;
  readonly #context: QuickJSContext;
  readonly #fuel: WebAssembly.Global<"i32">;
  /** Turns of loops that built-in functions may take between two looks at the clock. */
  readonly #tank: number;
  #death: PluginError | undefined;
  #isRunning = false;
  #isClosed = false;
  #deadline = 0;
  /** Milliseconds of the host that may still be added to the deadline. */
  #credit = 0;
  #isLate = false;

  private constructor(
    id: string,
    limits: Limits,
    { wasm, memory, mostBytes, fuel }: QuickJSInstance,
    loader: JSModuleLoader,
  ) {
    this.#id = id;
    this.#limits = limits;
    this.#fuel = fuel;
    // It grows by a twentieth at least.
    this.#isFull = () => memory.buffer.byteLength * 1.06 >= mostBytes;
    this.#tank = Math.min(Math.max(limits.callTime * turnsInMillisecond, leastTank), mostFuel);
    this.#runtime = wasm.newRuntime();
    this.#runtime.setMaxStackSize(stackSize);
    this.#runtime.setModuleLoader(loader, (_base, name) => name);
    this.#runtime.setInterruptHandler(() => {
      this.#fuel.value = this.#tank;
      return this.#isLate ||= performance.now() > this.#deadline;
    });
    this.#fuel.value = mostFuel;
    this.#context = this.#runtime.newContext();
    this.values = new GuestValues(this.#context, wasm, memory, () => this.endWithoutMemory());
  }

  /**
   * Start one.
   *
   * @param id what messages call the plugin
   * @param loader gives the text of a module
   */
  static async start(id: string, limits: Limits, loader: JSModuleLoader): Promise<Interpreter> {
    // QuickJS's own limit counts pieces of memory here, whatever their size.
    const instance = await startQuickJS(limits.memory);
    return new Interpreter(id, limits, instance, loader);
  }

  /** Why it has ended; undefined while it lives. */
  get death(): PluginError | undefined {
    return this.#death;
  }

  /** True when its memory cannot grow: there may be room in it, or not enough to say so. */
  get isFull(): boolean {
    return this.#isFull();
  }

  /** False once it was closed or has ended. */
  get isAlive(): boolean {
    return this.#death === undefined && !this.#isClosed;
  }

  /**
   * Let code run in the sandbox, for as long as one call may.
   *
   * @param act enters the sandbox, as often as it likes
   * @param callTime in milliseconds. Default: the plugin's
   * @throws PluginError `E_TIMEOUT`, `E_SANDBOX` when that ended it, or something had before
   */
  run<T>(act: () => T, callTime: number = this.#limits.callTime): T {
    if (this.#death !== undefined) throw this.#again(this.#death);
    if (this.#isClosed || this.#isRunning) {
      throw new PluginError("E_SANDBOX", `Cannot call plugin ${this.#id}`, {
        actual: this.#isClosed ? "its sandbox is closed" : "it is in a call",
      });
    }
    this.#deadline = performance.now() + callTime;
    this.#credit = this.#limits.hookTime;
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
    const bytes = this.values.bytesOf(result);
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

  /**
   * Make a function that the sandbox can call. What it takes is not counted as the plugin's time, up
   * to what a hook may take.
   */
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
        const spent = Math.min(performance.now() - began, this.#credit);
        this.#credit -= spent;
        this.#deadline += spent;
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

  /** How many pieces of memory the plugin and its interpreter hold. */
  get pieces(): number {
    const usage = this.#runtime.computeMemoryUsage();
    const count = this.#context.getProp(usage, "malloc_count");
    const pieces = this.#context.getNumber(count);
    count.dispose();
    usage.dispose();
    return pieces;
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
   * @returns false when something was left over: a handle that was forgotten here, or what QuickJS
   *   lost when memory ran out; it goes with the whole memory then
   */
  close(handles: Iterable<QuickJSHandle>): boolean {
    if (this.#isClosed) return true;
    this.#isClosed = true;
    // What was ended in the middle is not to be entered again.
    if (this.#death !== undefined || this.#isRunning) return false;
    this.#fuel.value = mostFuel;
    try {
      for (const handle of handles) handle.dispose();
      this.#context.dispose();
      this.#runtime.dispose();
      return true;
    } catch {
      return false;
    }
  }

  #call(callee: QuickJSHandle, args: QuickJSHandle[]): QuickJSHandle {
    const result = this.#context.callFunction(callee, this.#context.undefined, args);
    if (result.error === undefined) return result.value;
    // The guest lets nothing out that can be caught.
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
    return this.isFull
      ? this.endWithoutMemory()
      : this.end("E_SANDBOX", { what: "its interpreter broke down", cause });
  }

  #again(death: PluginError): PluginError {
    const [first, ...rest] = death.message.split("\n");
    return new PluginError(
      death.code,
      [first.replace("Cannot go on with", "Cannot call"), ...rest].join("\n"),
      { cause: death },
    );
  }
}

/** What is told of an end. */
export interface Reason {
  what: string;
  expected?: string;
  hint?: string;
  cause?: unknown;
}

const jobsAtOnce = 256;
// About as much as takes a millisecond, in loops of three to five instructions.
const turnsInMillisecond = 200_000;
const leastTank = 20_000_000;
// What QuickJS counts. Its built-in functions take more of the host's stack, which may end first.
const stackSize = 256 * 1024;

/**
 * Throws while there is still room to do so: a plugin that recurses deep enough could otherwise have
 * a function of the host end in its middle.
 */
function checkHeadroom(left = 300): number {
  return left === 0 ? 0 : 1 + checkHeadroom(left - 1);
}
