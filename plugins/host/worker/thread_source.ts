/**
 * The module that a thread begins with: it waits for what to load, calls what it is asked to call,
 * and asks the host for what only the host can do. As text, because the thread has no loader of
 * TypeScript and nothing of the host.
 */
export const threadSource = `
const { parentPort } = globalThis.process?.getBuiltinModule?.("node:worker_threads") ?? {};
const isWeb = typeof globalThis.postMessage === "function";
const send = isWeb ? globalThis.postMessage.bind(globalThis) : parentPort.postMessage.bind(parentPort);
const asks = /^(on[A-Z]\\w*|setParams|getState|setState|close)$/;
const asked = new Map();
const { setImmediate } = globalThis;
let last = 0;
let rate;
let made;
let addsLogs = false;

function ask(name, args) {
  return new Promise((resolve, reject) => {
    asked.set(++last, { resolve, reject });
    send({ kind: "ask", id: last, name, args });
  });
}

function contextOf({ id, version, functions, env }) {
  const context = { id, version };
  for (const name of functions) context[name] = (...args) => ask(name, args);
  // What gives nothing back is not waited for; messages keep their order.
  for (const name of ["log", "stop"]) {
    if (functions.includes(name)) context[name] = (...args) => send({ kind: "tell", name, args });
  }
  if (functions.includes("setLearningRate")) {
    context.setLearningRate = (value) => {
      if (typeof value !== "number") throw new TypeError("the learning rate must be a number");
      rate = value;
      send({ kind: "tell", name: "setLearningRate", args: [value] });
    };
  }
  context.getLearningRate = () => rate;
  if (functions.includes("env")) context.env = (name) => Object.hasOwn(env, name) ? env[name] : undefined;
  return Object.freeze(context);
}

async function load({ specifier, name, options, context, adds }) {
  addsLogs = adds;
  let exports;
  try {
    exports = await import(specifier);
  } catch (error) {
    return { failed: "E_MODULE", error: toPlain(error) };
  }
  const exported = exports[name];
  if (typeof exported !== "function") {
    return { failed: "E_EXPORT", found: exported === undefined ? "no such export" : typeof exported };
  }
  try {
    const given = contextOf(context);
    made = /^class\\b/.test(Function.prototype.toString.call(exported))
      ? Reflect.construct(exported, [options, given])
      : await exported(options, given);
  } catch (error) {
    return { failed: "E_FACTORY", error: toPlain(error) };
  }
  if (typeof made !== "object" || made === null) {
    return { failed: "E_EXPORT", found: made === null ? "null" : typeof made };
  }
  const members = [];
  for (let one = made; one !== null && one !== Object.prototype; one = Object.getPrototypeOf(one)) {
    for (const key of Object.getOwnPropertyNames(one)) {
      // Others may be accessors, which are nobody's business.
      if (asks.test(key) && typeof made[key] === "function") members.push(key);
    }
  }
  return { members };
}

async function call({ member, args, learningRate }) {
  rate = learningRate;
  const logs = args.at(-1);
  const isLogs = typeof logs === "object" && logs !== null && member.startsWith("on") &&
    member !== "onException";
  if (isLogs) {
    addOtherNames(logs);
    if (!addsLogs) Object.freeze(logs);
  }
  const value = await made[member](...args);
  const result = member === "getState" ? { value } : {};
  if (isLogs && addsLogs) {
    result.logs = Object.fromEntries(Object.entries(logs).filter(([, one]) => typeof one === "number"));
  }
  return result;
}

function addOtherNames(logs) {
  for (const key of Object.keys(logs)) {
    const [, prefix = "", name] = /^(.*_)?(acc|accuracy)$/.exec(key) ?? [];
    const other = name && prefix + (name === "acc" ? "accuracy" : "acc");
    if (other === undefined || Object.hasOwn(logs, other)) continue;
    Object.defineProperty(logs, other, { configurable: true, writable: true, value: logs[key] });
  }
}

function toPlain(error) {
  return error instanceof Error
    ? { name: String(error.name), message: String(error.message), stack: String(error.stack), code: error.code }
    : { name: "Error", message: String(error) };
}

async function receive(message) {
  if (message.kind === "ping") return send({ kind: "pong" });
  if (message.kind === "answer") {
    const { resolve, reject } = asked.get(message.id);
    asked.delete(message.id);
    if (message.error === undefined) return resolve(message.value);
    return reject(Object.assign(new Error(message.error.message), message.error));
  }
  let answer;
  try {
    answer = message.kind === "load" ? await load(message) : await call(message);
  } catch (error) {
    answer = { error: toPlain(error) };
  }
  // Rejections that nothing handles are reported before the event loop's next turn.
  await new Promise((resolve) => setImmediate(resolve));
  try {
    send({ kind: "result", id: message.id, ...answer });
  } catch (error) {
    send({ kind: "result", id: message.id, error: toPlain(error) });
  }
}

// The runtime's own report of a crash may reach the host after the run is over; a message keeps its
// place among the results.
const crash = (error) => send({ kind: "crash", error: toPlain(error) });
if (globalThis.process?.versions?.deno === undefined && globalThis.process?.on !== undefined) {
  globalThis.process.on("unhandledRejection", crash);
  globalThis.process.on("uncaughtException", crash);
} else {
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    crash(event.reason);
  });
}

if (isWeb) globalThis.addEventListener("message", ({ data }) => receive(data));
else parentPort.on("message", receive);
send({ kind: "pong" });
`;
