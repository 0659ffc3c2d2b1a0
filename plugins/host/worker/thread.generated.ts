// Generated from plugins/host/worker/thread.ts by build/guest.ts (`npm run build`); do not edit.

/** The code of plugins/host/worker/thread.ts. */
export const threadCode: string = `// plugins/host/worker/protocol.ts
var maxErrorText = 1e4;

// plugins/host/worker/thread.ts
var globals = globalThis;
var { parentPort } = globals.process?.getBuiltinModule?.("node:worker_threads") ?? {};
var isWeb = typeof globals.postMessage === "function";
var send = isWeb ? globals.postMessage.bind(globals) : parentPort.postMessage.bind(parentPort);
var asks = /^(on[A-Z]\\w*|setParams|getState|setState|close)$/;
var asked = /* @__PURE__ */ new Map();
var { setImmediate } = globals;
var last = 0;
var rate;
var made;
var addsLogs = false;
function ask(name, args) {
  return new Promise((resolve, reject) => {
    asked.set(++last, { resolve, reject });
    send({ kind: "ask", id: last, name, args });
  });
}
function contextOf({ id, version, functions, env }) {
  const context = { id, version };
  for (const name of functions) context[name] = (...args) => ask(name, args);
  for (const name of ["log", "stop"]) {
    if (functions.includes(name)) {
      context[name] = (...args) => send({ kind: "tell", name, args });
    }
  }
  if (functions.includes("setLearningRate")) {
    context.setLearningRate = (value) => {
      if (typeof value !== "number") throw new TypeError("the learning rate must be a number");
      rate = value;
      send({ kind: "tell", name: "setLearningRate", args: [value] });
    };
  }
  context.getLearningRate = () => rate;
  if (functions.includes("env")) {
    context.env = (name) => Object.hasOwn(env, name) ? env[name] : void 0;
  }
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
    return {
      failed: "E_EXPORT",
      found: exported === void 0 ? "no such export" : typeof exported
    };
  }
  try {
    const pluginContext = contextOf(context);
    made = /^class\\b/.test(Function.prototype.toString.call(exported)) ? Reflect.construct(exported, [options, pluginContext]) : await exported(options, pluginContext);
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
function membersOf(made2) {
  const members = [];
  for (let one = made2; one !== null && one !== Object.prototype; one = Object.getPrototypeOf(one)) {
    for (const key of Object.getOwnPropertyNames(one)) {
      if (asks.test(key) && typeof made2[key] === "function") members.push(key);
    }
  }
  return members;
}
async function call({ member, args, learningRate }) {
  rate = learningRate;
  const logs = args.at(-1);
  const isLogs = typeof logs === "object" && logs !== null && member.startsWith("on") && member !== "onException";
  if (isLogs) {
    addOtherNames(logs);
    if (!addsLogs) Object.freeze(logs);
  }
  const value = await made[member](...args);
  const result = member === "getState" ? { value } : {};
  if (isLogs && addsLogs) {
    result.logs = Object.fromEntries(
      Object.entries(logs).filter(
        (entry) => typeof entry[1] === "number"
      )
    );
  }
  return result;
}
function addOtherNames(logs) {
  for (const key of Object.keys(logs)) {
    const [, prefix = "", name] = /^(.*_)?(acc|accuracy)$/.exec(key) ?? [];
    const other = name && prefix + (name === "acc" ? "accuracy" : "acc");
    if (other === void 0 || Object.hasOwn(logs, other)) continue;
    Object.defineProperty(logs, other, { configurable: true, writable: true, value: logs[key] });
  }
}
function toPlain(error) {
  try {
    return readError(error);
  } catch {
    return { name: "Error", message: "an error that cannot be shown" };
  }
}
function readError(error) {
  if (!(error instanceof Error)) return { name: "Error", message: cut(error) };
  const { name, message, stack, code } = error;
  return {
    name: cut(name),
    message: cut(message),
    stack: cut(stack),
    ...typeof code === "string" ? { code: cut(code) } : {}
  };
}
function cut(text) {
  return String(text).slice(0, maxErrorText);
}
async function receive(message) {
  if (message.kind === "ping") return send({ kind: "pong", nonce: message.nonce });
  if (message.kind === "answer") {
    const { resolve, reject } = asked.get(message.id);
    asked.delete(message.id);
    if (message.error === void 0) return resolve(message.value);
    return reject(Object.assign(new Error(message.error.message), message.error));
  }
  let answer;
  try {
    answer = message.kind === "load" ? await load(message) : await call(message);
  } catch (error) {
    answer = { error: toPlain(error) };
  }
  await new Promise((resolve) => setImmediate(resolve));
  try {
    send({ kind: "result", id: message.id, ...answer });
  } catch (error) {
    send({ kind: "result", id: message.id, error: toPlain(error) });
  }
}
var crash = (error) => send({ kind: "crash", error: toPlain(error) });
if (globals.process?.versions?.deno === void 0 && globals.process?.on !== void 0) {
  globals.process.on("unhandledRejection", crash);
  globals.process.on("uncaughtException", crash);
} else {
  globals.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    crash(event.reason);
  });
}
if (isWeb) globals.addEventListener("message", ({ data }) => receive(data));
else parentPort.on("message", receive);
send({ kind: "ready" });
`;
