import type { QuickJSHandle } from "quickjs-emscripten-core";
import type { Logs } from "../../../core/logs.ts";
import { PluginError } from "../../errors.ts";
import type { PluginLimits } from "../../project/limits.ts";
import { LogNames } from "../log_names.ts";
import { guestCode } from "./guest.generated.ts";
import { guestError, guestName, isOutOfMemory } from "./guest_error.ts";
import { HostCalls } from "./host_calls.ts";
import { Interpreter } from "./interpreter.ts";
import { type Layout, Layouts, readAddedLogs, readLogs, writeLogs } from "./layouts.ts";
import { cellCount, codes, flags, type Guest } from "./protocol.ts";
import { type Crossing, decode, encode } from "./value_codec.ts";

const guestFunctions = [
  "adopt",
  "ask",
  "callHook",
  "collect",
  "defineLayout",
  "importModule",
  "invoke",
  "make",
  "open",
  "settle",
  "takeBytes",
  "takeText",
] as const satisfies (keyof Guest)[];
type GuestFunctions = Record<keyof Guest, QuickJSHandle>;

/** Receives the answer to a call. */
interface Waiting {
  finish: (code: number) => unknown;
  resolve: (value: unknown) => void;
  reject: (error: unknown) => void;
}

/** Inputs of {@linkcode GuestPlugin.start}. */
export interface GuestParts {
  /** Its name in messages. */
  id: string;
  limits: Required<PluginLimits>;
  options: unknown;
  /** Its functions can be called from the sandbox. */
  context: object;
  /** Text of a module by its key; undefined for an unknown module. */
  moduleText: (key: string) => string | undefined;
}

/** A plugin in a separate sandbox. */
export class GuestPlugin {
  readonly #id: string;
  readonly #interpreter: Interpreter;
  readonly #guest: GuestFunctions;
  readonly #numbers: () => Float64Array;
  readonly #hostCalls: HostCalls;
  readonly #layouts = new Layouts();
  readonly #logNames: LogNames;
  readonly #waiting = new Map<number, Waiting>();
  #isUntold = false;
  #has: readonly boolean[] = [];

  private constructor(
    id: string,
    interpreter: Interpreter,
    guest: GuestFunctions,
    numbers: () => Float64Array,
    hostCalls: HostCalls,
  ) {
    this.#id = id;
    this.#interpreter = interpreter;
    this.#guest = guest;
    this.#numbers = numbers;
    this.#hostCalls = hostCalls;
    this.#logNames = new LogNames(id);
  }

  /** Start a sandbox in which no code of the plugin has run. */
  static async start(
    { id, limits, options, context, moduleText }: GuestParts,
  ): Promise<GuestPlugin> {
    const interpreter = await Interpreter.start(id, limits, (key) => {
      const text = moduleText(key);
      if (text === undefined) {
        return { error: new Error(`Cannot import ${key}: it is not in the plugin`) };
      }
      // QuickJS would ignore the text after it.
      return text.includes("\0")
        ? { error: new Error(`Cannot import ${key}: its text contains the character U+0000`) }
        : text;
    });
    const hostCalls: HostCalls = new HostCalls(
      interpreter,
      id,
      limits.memory + spareBytes,
      (settled) => plugin.#deliver(settled),
    );
    const code = interpreter.evaluate(guestCode, guestName);
    const [shared, numbers] = interpreter.values.newSharedNumbers(cellCount);
    const maxBytes = interpreter.values.newNumber(limits.memory);
    const parameters = [hostCalls.callHost, hostCalls.hostBytes, shared, maxBytes];
    const exports = interpreter.callForHandle(code, ...parameters);
    const guest = Object.fromEntries(
      guestFunctions.map((name) => [name, interpreter.values.member(exports, name)]),
    ) as GuestFunctions;
    for (const handle of [code, exports, ...parameters]) handle.dispose();
    const plugin = new GuestPlugin(id, interpreter, guest, numbers, hostCalls);
    const { text, bytes } = encode({ options, context }, (call) => hostCalls.add(call));
    plugin.#send("open", text, bytes, () => undefined);
    return plugin;
  }

  /** Reason why it has ended; undefined while it runs. */
  get death(): PluginError | undefined {
    return this.#interpreter.death;
  }

  /** Reason why it ended, if no call was pending at that time. */
  get unreportedDeath(): PluginError | undefined {
    return this.#isUntold ? this.death : undefined;
  }

  /** Evaluate a module and everything it imports. */
  async importModule(key: string): Promise<void> {
    await this.#send("importModule", key, undefined, () => undefined);
  }

  /**
   * Create the callback.
   *
   * @returns undefined, or the type of an export that is not a function
   */
  async make(name: string): Promise<string | undefined> {
    const { is } = await this.#send("make", name, undefined, () => this.#takeValue()) as {
      is?: string;
    };
    return is;
  }

  /**
   * Look up the functions of the callback, which are then called by their index.
   *
   * @returns undefined, or the type of a result that is not an object
   */
  adopt(names: readonly string[]): string | undefined {
    const { is, found } = this.#send(
      "adopt",
      JSON.stringify(names),
      undefined,
      () => this.#takeValue(),
    ) as { is?: string; found?: boolean[] };
    this.#has = found ?? [];
    return is;
  }

  /** Whether the callback has this function. */
  has(index: number): boolean {
    return this.#has[index] === true;
  }

  /**
   * Call a hook with logs. Only numbers cross in either direction.
   *
   * @param first epoch or batch, if the hook takes one
   * @param sharesLogs whether changes of the logs are read back
   * @returns a promise if the hook returned one
   */
  callHook(index: number, first: number | undefined, logs: Logs, sharesLogs: boolean): unknown {
    const layout = this.#layoutOf(logs);
    const cells = this.#numbers();
    cells[0] = index;
    cells[1] = layout.id;
    cells[2] = first ?? 0;
    cells[3] = (first === undefined ? 0 : flags.hasFirst) | (sharesLogs ? flags.sharesLogs : 0);
    writeLogs(cells, layout, logs);
    return this.#enter(
      () => this.#interpreter.call(this.#guest.callHook),
      sharesLogs ? (code) => this.#takeLogs(logs, layout, code) : nothing,
    );
  }

  /** Call a hook that receives a number and returns true or false. */
  ask(index: number, first: number): boolean {
    const cells = this.#numbers();
    cells[0] = index;
    cells[2] = first;
    return this.#enter(
      () => this.#interpreter.call(this.#guest.ask),
      (code) => code === codes.doneWithMore,
    ) as boolean;
  }

  /**
   * Call any function with any plain data.
   *
   * @param wantsResult whether its result, plain data, is needed
   * @returns its result; a promise if it returned one
   */
  invoke(index: number, args: unknown[], wantsResult = false): unknown {
    const { text, bytes } = encode({ hook: index, args, wantsResult });
    return this.#send("invoke", text, bytes, wantsResult ? () => this.#takeValue() : nothing);
  }

  /**
   * Free everything. Pending calls fail.
   *
   * @returns false if it could not be freed cleanly, as always after it has ended
   */
  close(): boolean {
    this.#failAll(
      new PluginError("E_SANDBOX", `Cannot continue with plugin ${this.#id}: it was closed`),
    );
    this.#hostCalls.close();
    return this.#interpreter.close(Object.values(this.#guest));
  }

  /** Number of its memory allocations, which reveals leaks. */
  get pieces(): number {
    return this.#interpreter.pieces;
  }

  #send(
    name: keyof GuestFunctions,
    text: string,
    bytes: Uint8Array | undefined,
    finish: (code: number) => unknown,
  ): unknown {
    return this.#enter(() => this.#pass(name, { text, bytes }), finish);
  }

  #pass(name: keyof GuestFunctions, { text, bytes }: Crossing): number {
    const interpreter = this.#interpreter;
    const { values } = interpreter;
    const textHandle = values.newText(text);
    const bytesHandle = bytes === undefined ? values.undefined : values.newBytes(bytes);
    const code = interpreter.call(this.#guest[name], textHandle, bytesHandle);
    textHandle.dispose();
    bytesHandle.dispose();
    return code;
  }

  /** Enter the sandbox, then run all of its promise jobs. */
  #enter(
    call: () => number,
    finish: (code: number) => unknown,
    isBackground = false,
  ): unknown {
    let outcome: Outcome;
    try {
      outcome = this.#interpreter.run(() => {
        const code = call();
        const reached = code === codes.pending ? this.#wait(finish) : this.#finish(code, finish);
        this.#goOn();
        return reached;
      }, isBackground);
    } catch (error) {
      this.#isUntold = isBackground;
      this.#failAll(error);
      throw error;
    }
    if ("error" in outcome) throw outcome.error;
    return outcome.value;
  }

  #wait(finish: (code: number) => unknown): Outcome {
    const id = this.#numbers()[0];
    const value = new Promise((resolve, reject) => {
      this.#waiting.set(id, { finish, resolve, reject });
    });
    // If the call itself fails, nothing awaits the promise.
    value.catch(nothing);
    return { value };
  }

  #finish(code: number, finish: (code: number) => unknown): Outcome {
    if (code !== codes.failed) {
      try {
        return { value: finish(code) };
      } catch (error) {
        // A rejected argument ends only this call; every other error ends the plugin.
        if (error instanceof PluginError && this.death === undefined) return { error };
        throw error;
      }
    }
    const error = guestError(this.#interpreter.callForText(this.#guest.takeText));
    const interpreter = this.#interpreter;
    if (isOutOfMemory(error, interpreter.isFull)) throw interpreter.endWithoutMemory();
    return { error };
  }

  #goOn(): void {
    const waiting = this.#waiting;
    this.#interpreter.pump();
    while (waiting.size > 0) {
      const code = this.#interpreter.call(this.#guest.collect);
      if (code === codes.pending) break;
      const id = this.#numbers()[0];
      const one = waiting.get(id);
      if (one === undefined) continue;
      waiting.delete(id);
      const outcome = this.#finish(code, one.finish);
      if ("error" in outcome) one.reject(outcome.error);
      else one.resolve(outcome.value);
      this.#interpreter.pump();
    }
    if (waiting.size > 0 && this.#hostCalls.pending === 0) {
      // A promise was lost, because there was no memory to settle it.
      if (this.#interpreter.isFull) throw this.#interpreter.endWithoutMemory();
      this.#failAll(
        new PluginError(
          "E_SANDBOX",
          `Cannot wait for plugin ${this.#id}: its promise never settles`,
          {
            expected: "a promise that depends on a function of the context",
            actual: "nothing in the sandbox is pending",
          },
        ),
      );
    }
  }

  #failAll(error: unknown): void {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }

  /** Settle promises of the host in the sandbox, all in one entry. */
  #deliver(settled: readonly Crossing[]): void {
    if (!this.#interpreter.isAlive) return;
    const settleAll = (): number => {
      for (const one of settled) {
        this.#finish(this.#pass("settle", one), nothing);
        this.#interpreter.pump();
      }
      return codes.done;
    };
    try {
      this.#enter(settleAll, nothing, this.#waiting.size === 0);
    } catch {
      // Pending calls have received the error; if there were none, `close` reports it.
    }
  }

  #takeValue(): unknown {
    const text = this.#interpreter.callForText(this.#guest.takeText);
    const bytes = this.#interpreter.callForBytes(this.#guest.takeBytes);
    return decode({ text, bytes });
  }

  #layoutOf(logs: Logs): Layout {
    const { layout, isNew } = this.#layouts.of(logs);
    if (isNew) this.#send("defineLayout", JSON.stringify(layout), undefined, nothing);
    return layout;
  }

  #takeLogs(logs: Logs, layout: Layout, code: number): void {
    readLogs(this.#numbers(), layout, logs);
    if (code !== codes.doneWithMore) return;
    const added = JSON.parse(this.#interpreter.callForText(this.#guest.takeText));
    readAddedLogs(this.#numbers(), layout, added, logs, this.#logNames);
  }
}

/** Memory of an interpreter in addition to its plugin's. */
const spareBytes = 16 * 1024 * 1024;

type Outcome = { value: unknown } | { error: Error };

const nothing = (): undefined => undefined;
