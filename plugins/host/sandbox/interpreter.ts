import type {
  JSModuleLoader,
  QuickJSContext,
  QuickJSHandle,
  QuickJSRuntime,
} from "quickjs-emscripten-core";
import { PluginError } from "../../errors.ts";
import type { PluginLimits } from "../../project/limits.ts";
import { backgroundShare, ComputeBudget, type ComputeLimit, runShare } from "./compute_budget.ts";
import { CpuClock } from "./cpu_clock.ts";
import { GuestValues } from "./guest_values.ts";
import { type QuickJSInstance, startQuickJS } from "./quickjs_instance.ts";

/** A function that the sandbox may call. */
export type HostFunction = (...args: QuickJSHandle[]) => QuickJSHandle | undefined;

type Limits = Required<Pick<PluginLimits, "callTime" | "hookTime" | "memory" | "runTime">>;

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
  readonly #budget: ComputeBudget;
  #death: PluginError | undefined;
  #isRunning = false;
  #isClosed = false;
  /** True while a function of the host is at work, which must not be left in its middle. */
  #isInHost = false;
  #deadline = Infinity;
  /** When the running entry began, and how long it may compute. */
  #began = 0;
  #allowed = Infinity;
  readonly #clock = new CpuClock();
  /** The limit that the deadline comes from. */
  #limit: ComputeLimit = "call";
  /** Milliseconds of the host that may still be added to the deadline. */
  #credit = 0;
  #isLate = false;

  private constructor(
    id: string,
    limits: Limits,
    { wasm, memory, mostBytes }: QuickJSInstance,
    loader: JSModuleLoader,
    watch: Watch,
  ) {
    this.#id = id;
    this.#limits = limits;
    this.#budget = new ComputeBudget(limits);
    // It grows by a twentieth at least.
    this.#isFull = () => memory.buffer.byteLength * 1.06 >= mostBytes;
    this.#runtime = wasm.newRuntime();
    this.#runtime.setMaxStackSize(stackSize);
    this.#runtime.setModuleLoader(loader, (_base, name) => name);
    this.#runtime.setInterruptHandler(() => this.#isOver());
    this.#context = this.#runtime.newContext();
    watch.look = () => {
      if (!this.#isInHost && this.#isOver()) throw this.#death ?? this.#tooLong();
    };
    this.#catchAll();
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
    const watch: Watch = { look() {} };
    const instance = await startQuickJS(limits.memory, () => watch.look());
    return new Interpreter(id, limits, instance, loader, watch);
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
   * Let code run in the sandbox for as long as it may.
   *
   * @param act enters the sandbox, as often as it likes
   * @param isBackground true where no call of the host waits for it: it gets less time then. Default:
   *   false
   * @throws PluginError `E_TIMEOUT`, `E_SANDBOX` when that ended it, or something had before
   */
  run<T>(act: () => T, isBackground = false): T {
    if (this.#death !== undefined) throw this.#again(this.#death);
    if (this.#isClosed || this.#isRunning) {
      throw new PluginError("E_SANDBOX", `Cannot call plugin ${this.#id}`, {
        actual: this.#isClosed ? "its sandbox is closed" : "it is in a call",
      });
    }
    const began = performance.now();
    const { time, limit } = this.#budget.left(began, isBackground);
    const end = began + time;
    this.#deadline = end;
    this.#began = began;
    this.#allowed = time;
    this.#clock.start(began);
    this.#limit = limit;
    // What the host does for a hook is what the user granted; behind it, it counts.
    this.#credit = isBackground ? 0 : this.#limits.hookTime;
    this.#isRunning = true;
    try {
      const result = act();
      if (this.#isLate) throw this.#tooLong();
      if (this.#death !== undefined) throw this.#death;
      return result;
    } catch (error) {
      if (error instanceof PluginError) throw error;
      throw this.#broke(error);
    } finally {
      this.#isRunning = false;
      // Neither what the host did nor the time in which this process stood still.
      const notOfPlugin = Number.isFinite(end) ? this.#deadline - end : 0;
      this.#budget.spend(performance.now() - began - notOfPlugin, isBackground);
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
      if (this.#isOver()) throw this.#death ?? this.#tooLong();
    }
  }

  /** Make a function that the sandbox can call. */
  newFunction(call: HostFunction): QuickJSHandle {
    return this.#context.newFunction((...args) => {
      try {
        checkHeadroom();
      } catch (cause) {
        throw this.end("E_SANDBOX", { what: "it recursed too deep", cause });
      }
      return call(...args);
    });
  }

  /**
   * Do what the plugin asked of the host. The time that it takes is not counted as the plugin's, up
   * to what a hook may take.
   */
  doForGuest<T>(work: () => T): T {
    const began = performance.now();
    try {
      return work();
    } finally {
      const spent = Math.min(performance.now() - began, this.#credit);
      this.#credit -= spent;
      this.#deadline += spent;
      this.#allowed += spent;
    }
  }

  /** Evaluate a script of the host's own, before any code of the plugin is there. */
  evaluate(code: string, name: string): QuickJSHandle {
    return this.#context.unwrapResult(this.#context.evalCode(code, name));
  }

  /** Call a function of such a script, for what it gives. */
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
    // Of the plugin's code, only what is called for garbage can run.
    this.#began = performance.now();
    this.#allowed = this.#limits.callTime;
    this.#deadline = this.#began + this.#allowed;
    this.#clock.start(this.#began);
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
    throw this.#isLate ? this.#tooLong() : this.endWithoutMemory();
  }

  /** True when it has no more time, or has ended. */
  #isOver(): boolean {
    if (performance.now() > this.#deadline && !this.#wasStarved()) this.#isLate = true;
    return this.#isLate || this.#death !== undefined;
  }

  /** True where others had the machine: then it has as much time again as it did not compute. */
  #wasStarved(): boolean {
    const now = performance.now();
    const left = this.#allowed - this.#clock.elapsed();
    const last = this.#began + this.#allowed * mostStarved;
    if (left < this.#allowed / 10 || now > last) return false;
    this.#deadline = Math.min(now + left, last);
    return true;
  }

  #tooLong(): PluginError {
    const { callTime, runTime } = this.#limits;
    return this.end(
      "E_TIMEOUT",
      {
        call: {
          what: "a call computed for too long",
          expected: `at most ${callTime} ms`,
          hint: "{ limits: { callTime } } gives it more",
        },
        run: {
          what: "it computed for too long in this run",
          expected: `at most ${runTime} ms and ${runShare * 100} % of the time of the run`,
          hint: "{ limits: { runTime } } gives it more",
        },
        background: {
          what: "it computed for too long while no hook waited for it",
          expected: `at most ${callTime} ms and ${backgroundShare * 100} % of the time`,
          hint: "let the hook await its work; { limits: { callTime } } gives it more",
        },
      }[this.#limit],
    );
  }

  /**
   * See to what the package does when a function of the host fails so that it cannot be told of in
   * the sandbox: it would print the host's stack, and let the plugin go on.
   */
  #catchAll(): void {
    for (const owner of [this.#context, this.#runtime]) {
      const { cToHostCallbacks: calls } = owner as unknown as PackageCallbacks;
      for (const [name, call] of Object.entries(calls)) {
        calls[name] = (...args) => {
          const wasInHost = this.#isInHost;
          this.#isInHost = true;
          try {
            return call(...args);
          } catch (error) {
            this.#broke(error);
            return 0;
          } finally {
            this.#isInHost = wasInHost;
          }
        };
      }
    }
  }

  #broke(cause: unknown): PluginError {
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

/** Is asked for the time while something computes. */
interface Watch {
  look(): void;
}

/** What the package's code in WebAssembly calls; private in its types. */
interface PackageCallbacks {
  cToHostCallbacks: Record<string, (...args: unknown[]) => unknown>;
}

/** What is told of an end. */
export interface Reason {
  what: string;
  expected?: string;
  hint?: string;
  cause?: unknown;
}

/** How many times its limit a call may take on a busy machine: training waits for it. */
const mostStarved = 1.5;

const jobsAtOnce = 256;
// What QuickJS counts. Its built-in functions take more of the host's stack, which may end first.
const stackSize = 256 * 1024;

/**
 * Throws while there is still room to do so: a plugin that recurses deep enough could otherwise have
 * a function of the host end in its middle.
 */
function checkHeadroom(left = 300): number {
  return left === 0 ? 0 : 1 + checkHeadroom(left - 1);
}
