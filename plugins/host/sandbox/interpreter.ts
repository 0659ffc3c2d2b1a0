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
 * A JavaScript interpreter for one plugin: one instance of QuickJS in one WebAssembly memory. All
 * code enters it through {@linkcode Interpreter.run}, which limits its time. An error that breaks
 * it ends this interpreter only.
 */
export class Interpreter {
  /** Creates and reads values of the sandbox. */
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
  /** Whether a function of the host runs, which must not be interrupted. */
  #isInHost = false;
  #deadline = Infinity;
  /** Start of the current entry, and its computing time. */
  #began = 0;
  #allowed = Infinity;
  readonly #clock = new CpuClock();
  /** The limit that sets the deadline. */
  #limit: ComputeLimit = "call";
  /** Milliseconds of the host's work that can still be added to the deadline. */
  #credit = 0;
  #isLate = false;

  private constructor(
    id: string,
    limits: Limits,
    { wasm, memory, maxBytes }: QuickJSInstance,
    loader: JSModuleLoader,
    watch: Watch,
  ) {
    this.#id = id;
    this.#limits = limits;
    this.#budget = new ComputeBudget(limits);
    // The memory grows by at least a twentieth.
    this.#isFull = () => memory.buffer.byteLength * 1.06 >= maxBytes;
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
   * Start an interpreter.
   *
   * @param id name of the plugin in messages
   * @param loader returns the text of a module
   */
  static async start(id: string, limits: Limits, loader: JSModuleLoader): Promise<Interpreter> {
    // QuickJS's own limit counts allocations, regardless of their size.
    const watch: Watch = { look() {} };
    const instance = await startQuickJS(limits.memory, () => watch.look());
    return new Interpreter(id, limits, instance, loader, watch);
  }

  /** Reason why it has ended; undefined while it runs. */
  get death(): PluginError | undefined {
    return this.#death;
  }

  /** Whether its memory cannot grow, so that even an error may fail to be allocated. */
  get isFull(): boolean {
    return this.#isFull();
  }

  /** Whether it has neither been closed nor ended. */
  get isAlive(): boolean {
    return this.#death === undefined && !this.#isClosed;
  }

  /**
   * Run code in the sandbox within its time limits.
   *
   * @param act enters the sandbox, any number of times
   * @param isBackground whether no call of the host waits for it, which allows less time. Default:
   *   false
   * @throws PluginError `E_TIMEOUT`, `E_SANDBOX` if this or an earlier call ended it
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
    // The user granted the host's work for a hook; outside of hooks, it counts.
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
      // Without the host's work and the time in which this process was suspended.
      const notOfPlugin = Number.isFinite(end) ? this.#deadline - end : 0;
      this.#budget.spend(performance.now() - began - notOfPlugin, isBackground);
    }
  }

  /** Call a function in the sandbox. Only within {@linkcode run}. @returns its result, a number */
  call(callee: QuickJSHandle, ...args: QuickJSHandle[]): number {
    const result = this.#call(callee, args);
    const number = this.#context.getNumber(result);
    result.dispose();
    return number;
  }

  /** As {@linkcode call}, for a function that returns a string. */
  callForText(callee: QuickJSHandle): string {
    const result = this.#call(callee, []);
    const text = this.#context.getString(result);
    result.dispose();
    return text;
  }

  /**
   * As {@linkcode call}, for a function that returns an `ArrayBuffer` or undefined. @returns a copy
   */
  callForBytes(callee: QuickJSHandle): Uint8Array | undefined {
    const result = this.#call(callee, []);
    const bytes = this.values.bytesOf(result);
    result.dispose();
    return bytes;
  }

  /** Run all promise jobs. Only within {@linkcode run}. */
  pump(): void {
    while (this.#runtime.hasPendingJob()) {
      const result = this.#runtime.executePendingJobs(jobsAtOnce);
      result.dispose();
      if (this.#isOver()) throw this.#death ?? this.#tooLong();
    }
  }

  /** Create a function that the sandbox can call. */
  newFunction(call: HostFunction): QuickJSHandle {
    return this.#context.newFunction((...args) => {
      try {
        checkHeadroom();
      } catch (cause) {
        throw this.end("E_SANDBOX", { what: "it recursed too deeply", cause });
      }
      return call(...args);
    });
  }

  /**
   * Run work that the plugin requested of the host. Its time does not count as the plugin's, up to
   * the time limit of a hook.
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

  /** Evaluate a script of the host, before any code of the plugin is loaded. */
  evaluate(code: string, name: string): QuickJSHandle {
    return this.#context.unwrapResult(this.#context.evalCode(code, name));
  }

  /** Call a function of such a script and return its result. */
  callForHandle(callee: QuickJSHandle, ...args: QuickJSHandle[]): QuickJSHandle {
    return this.#call(callee, args);
  }

  /** Number of memory allocations of the plugin and its interpreter. */
  get pieces(): number {
    const usage = this.#runtime.computeMemoryUsage();
    const count = this.#context.getProp(usage, "malloc_count");
    const pieces = this.#context.getNumber(count);
    count.dispose();
    usage.dispose();
    return pieces;
  }

  /** End it permanently. @returns the error to throw */
  end(code: "E_SANDBOX" | "E_TIMEOUT", reason: Reason): PluginError {
    const { what, ...context } = reason;
    return this.#death ??= new PluginError(
      code,
      `Cannot continue with plugin ${this.#id}: ${what}`,
      context,
    );
  }

  /** End it because it has no more memory. @returns the error to throw */
  endWithoutMemory(): PluginError {
    return this.end("E_SANDBOX", {
      what: "it needs more memory than it may use",
      expected: `at most ${this.#limits.memory} bytes`,
      hint: "{ limits: { memory } } raises the limit",
    });
  }

  /**
   * Free all of its memory. May be called again.
   *
   * @param handles handles that were kept
   * @returns false if something was left: a leaked handle, or objects that QuickJS lost when memory
   *   ran out; these are freed with the whole memory
   */
  close(handles: Iterable<QuickJSHandle>): boolean {
    if (this.#isClosed) return true;
    this.#isClosed = true;
    // An interrupted instance must not be entered again.
    if (this.#death !== undefined || this.#isRunning) return false;
    // Only the plugin's finalizers can run here.
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
    // The guest catches every error that can be caught.
    result.error.dispose();
    throw this.#isLate ? this.#tooLong() : this.endWithoutMemory();
  }

  /** Whether its time has expired, or it has ended. */
  #isOver(): boolean {
    if (performance.now() > this.#deadline && !this.#wasStarved()) this.#isLate = true;
    return this.#isLate || this.#death !== undefined;
  }

  /**
   * Whether other processes used the CPU. The time in which it did not compute is added to the
   * deadline.
   */
  #wasStarved(): boolean {
    const now = performance.now();
    const left = this.#allowed - this.#clock.elapsed();
    const last = this.#began + this.#allowed * maxStarved;
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
          hint: "{ limits: { callTime } } raises the limit",
        },
        run: {
          what: "it computed for too long in this run",
          expected: `at most ${runTime} ms and ${runShare * 100} % of the time of the run`,
          hint: "{ limits: { runTime } } raises the limit",
        },
        background: {
          what: "it computed for too long while no hook waited for it",
          expected: `at most ${callTime} ms and ${backgroundShare * 100} % of the time`,
          hint: "await the work in the hook; { limits: { callTime } } raises the limit",
        },
      }[this.#limit],
    );
  }

  /**
   * Handle a failure of a host function that cannot be reported in the sandbox. The package would
   * print the host's stack and let the plugin continue.
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
      return this.end("E_SANDBOX", { what: "it recursed too deeply", cause });
    }
    return this.isFull
      ? this.endWithoutMemory()
      : this.end("E_SANDBOX", { what: "its interpreter failed", cause });
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

/** Called with the computing time. */
interface Watch {
  look(): void;
}

/** Called by the package's WebAssembly code; private in its types. */
interface PackageCallbacks {
  cToHostCallbacks: Record<string, (...args: unknown[]) => unknown>;
}

/** Description of an end. */
export interface Reason {
  what: string;
  expected?: string;
  hint?: string;
  cause?: unknown;
}

/** Factor by which a call may exceed its limit on a busy machine, because training waits for it. */
const maxStarved = 1.5;

const jobsAtOnce = 256;
// Stack size in the units of QuickJS. Its built-in functions use more of the host's stack, which
// may overflow first.
const stackSize = 256 * 1024;

/**
 * Throw while there is still stack left. A plugin that recurses deeply could otherwise overflow it
 * in a function of the host.
 */
function checkHeadroom(left = 300): number {
  return left === 0 ? 0 : 1 + checkHeadroom(left - 1);
}
