/**
 * The first module of a thread: it waits for the plugin to load, makes the calls that the host
 * requests, and forwards calls that only the host can make. `build/guest.ts` bundles it, because
 * the thread has no TypeScript loader and none of the host's modules.
 */
import {
  type HostMessage,
  type HostRequest,
  maxErrorText,
  type PlainError,
  type ThreadContext,
  type ThreadMessage,
  type ThreadResult,
} from "./protocol.ts";

/** The global scope of a thread on Deno and Bun, and its replacement on Node. */
interface ThreadGlobals {
  postMessage?(message: ThreadMessage): void;
  addEventListener(type: "message", listener: (event: { data: HostMessage }) => void): void;
  addEventListener(type: "unhandledrejection", listener: (event: Rejection) => void): void;
  setImmediate(run: (value?: unknown) => void): void;
  process?: {
    versions?: { deno?: string };
    getBuiltinModule?(name: string): { parentPort?: ParentPort | null };
    on?(
      event: "unhandledRejection" | "uncaughtException",
      listener: (error: unknown) => void,
    ): void;
  };
}

interface Rejection {
  readonly reason: unknown;
  preventDefault(): void;
}

interface ParentPort {
  postMessage(message: ThreadMessage): void;
  on(type: "message", listener: (message: HostMessage) => void): void;
}

type Members = Record<string, (...args: unknown[]) => unknown>;

const globals = globalThis as unknown as ThreadGlobals;
const { parentPort } = globals.process?.getBuiltinModule?.("node:worker_threads") ?? {};
const isWeb = typeof globals.postMessage === "function";
const send: (message: ThreadMessage) => void = isWeb
  ? globals.postMessage!.bind(globals)
  : parentPort!.postMessage.bind(parentPort);
const asks = /^(on[A-Z]\w*|setParams|getState|setState|close)$/;
const asked = new Map<number, Asked>();
const { setImmediate } = globals;
let last = 0;
let rate: number | undefined;
let made: Members;
let addsLogs = false;

interface Asked {
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

function ask(name: string, args: unknown[]): Promise<unknown> {
  return new Promise((resolve, reject) => {
    asked.set(++last, { resolve, reject });
    send({ kind: "ask", id: last, name, args });
  });
}

function contextOf({ id, version, functions, env }: ThreadContext): object {
  const context: Record<string, unknown> = { id, version };
  for (const name of functions) context[name] = (...args: unknown[]) => ask(name, args);
  // Calls without a result are not awaited; messages keep their order.
  for (const name of ["log", "stop"] as const) {
    if (functions.includes(name)) {
      context[name] = (...args: unknown[]) => send({ kind: "tell", name, args });
    }
  }
  if (functions.includes("setLearningRate")) {
    context.setLearningRate = (value: unknown) => {
      if (typeof value !== "number") throw new TypeError("the learning rate must be a number");
      rate = value;
      send({ kind: "tell", name: "setLearningRate", args: [value] });
    };
  }
  context.getLearningRate = () => rate;
  if (functions.includes("env")) {
    context.env = (name: string) => Object.hasOwn(env, name) ? env[name] : undefined;
  }
  return Object.freeze(context);
}

async function load(
  { specifier, name, options, context, adds }: HostRequest & { kind: "load" },
): Promise<ThreadResult> {
  addsLogs = adds;
  let exports: Record<string, unknown>;
  try {
    exports = await import(specifier);
  } catch (error) {
    return { failed: "E_MODULE", error: toPlain(error) };
  }
  const exported = exports[name];
  if (typeof exported !== "function") {
    return {
      failed: "E_EXPORT",
      found: exported === undefined ? "no such export" : typeof exported,
    };
  }
  try {
    const pluginContext = contextOf(context);
    made = /^class\b/.test(Function.prototype.toString.call(exported))
      ? Reflect.construct(exported, [options, pluginContext])
      : await exported(options, pluginContext);
  } catch (error) {
    return { failed: "E_FACTORY", error: toPlain(error) };
  }
  if (typeof made !== "object" || made === null) {
    return { failed: "E_EXPORT", returned: made === null ? "null" : typeof made };
  }
  try {
    return { members: membersOf(made) };
  } catch (error) {
    return { failed: "E_EXPORT", error: toPlain(error) };
  }
}

function membersOf(made: Members): string[] {
  const members: string[] = [];
  for (let one = made; one !== null && one !== Object.prototype; one = Object.getPrototypeOf(one)) {
    for (const key of Object.getOwnPropertyNames(one)) {
      // Other properties may be accessors, which must not be called.
      if (asks.test(key) && typeof made[key] === "function") members.push(key);
    }
  }
  return members;
}

async function call(
  { member, args, learningRate }: HostRequest & { kind: "call" },
): Promise<ThreadResult> {
  rate = learningRate;
  const logs = args.at(-1);
  const isLogs = typeof logs === "object" && logs !== null && member.startsWith("on") &&
    member !== "onException";
  if (isLogs) {
    addOtherNames(logs as Record<string, unknown>);
    if (!addsLogs) Object.freeze(logs);
  }
  const value = await made[member](...args);
  const result: ThreadResult = member === "getState" ? { value } : {};
  if (isLogs && addsLogs) {
    result.logs = Object.fromEntries(
      Object.entries(logs).filter((entry): entry is [string, number] =>
        typeof entry[1] === "number"
      ),
    );
  }
  return result;
}

function addOtherNames(logs: Record<string, unknown>): void {
  for (const key of Object.keys(logs)) {
    const [, prefix = "", name] = /^(.*_)?(acc|accuracy)$/.exec(key) ?? [];
    const other = name && prefix + (name === "acc" ? "accuracy" : "acc");
    if (other === undefined || Object.hasOwn(logs, other)) continue;
    Object.defineProperty(logs, other, { configurable: true, writable: true, value: logs[key] });
  }
}

/** An error as plain data, as far as it can be read. */
function toPlain(error: unknown): PlainError {
  try {
    return readError(error);
  } catch {
    return { name: "Error", message: "an error that cannot be shown" };
  }
}

function readError(error: unknown): PlainError {
  if (!(error instanceof Error)) return { name: "Error", message: cut(error) };
  const { name, message, stack, code } = error as Error & { code?: unknown };
  return {
    name: cut(name),
    message: cut(message),
    stack: cut(stack),
    ...typeof code === "string" ? { code: cut(code) } : {},
  };
}

function cut(text: unknown): string {
  return String(text).slice(0, maxErrorText);
}

async function receive(message: HostMessage): Promise<void> {
  if (message.kind === "ping") return send({ kind: "pong", nonce: message.nonce });
  if (message.kind === "answer") {
    const { resolve, reject } = asked.get(message.id)!;
    asked.delete(message.id);
    if (message.error === undefined) return resolve(message.value);
    return reject(Object.assign(new Error(message.error.message), message.error));
  }
  let answer: ThreadResult;
  try {
    answer = message.kind === "load" ? await load(message) : await call(message);
  } catch (error) {
    answer = { error: toPlain(error) };
  }
  // Unhandled rejections are reported before the next turn of the event loop.
  await new Promise((resolve) => setImmediate(resolve));
  try {
    send({ kind: "result", id: message.id, ...answer });
  } catch (error) {
    send({ kind: "result", id: message.id, error: toPlain(error) });
  }
}

// The runtime's own crash report may reach the host after the run has ended; a message keeps its
// place among the results.
const crash = (error: unknown) => send({ kind: "crash", error: toPlain(error) });
if (globals.process?.versions?.deno === undefined && globals.process?.on !== undefined) {
  globals.process.on("unhandledRejection", crash);
  globals.process.on("uncaughtException", crash);
} else {
  globals.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    crash(event.reason);
  });
}

if (isWeb) globals.addEventListener("message", ({ data }) => receive(data));
else parentPort!.on("message", receive);
send({ kind: "ready" });
