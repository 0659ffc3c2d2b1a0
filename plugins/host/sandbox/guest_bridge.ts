/**
 * Inside the sandbox: what the host calls. Numbers come and go in `shared`, a memory that both
 * sides see; all else is text and bytes. Each function answers with one of the codes of
 * `guest_plugin.ts`; what belongs to the answer is fetched with `takeText` and `takeBytes`.
 *
 * Cells of `shared`: 0 hook, or call; 1 layout; 2 first argument; 3 flags; then values.
 */
export const guestBridge = String.raw`
const cells = new Float64Array(shared);
const layouts = create(null), hooks = create(null), waiting = create(null);
const classText = uncurry(GuestFunction.prototype.toString);
const bind = uncurry(GuestFunction.prototype.bind);
let answerText = "", answerBytes, given, module, plugin, calls = 0;
let settled = null, lastSettled = null;

function answer(value) {
  const state = newState();
  answerText = encode(state, value);
  answerBytes = bytesOf(state);
  return done;
}

function failure(error) {
  answerText = describe(error);
  return failed;
}

function takeText() {
  const text = answerText;
  answerText = "";
  return text;
}

function takeBytes() {
  const bytes = answerBytes;
  answerBytes = undefined;
  return bytes;
}

function hostFunction(index) {
  return (...args) => {
    const state = newState();
    const text = encode(state, args);
    const reply = callHost(index, text, bytesOf(state));
    const kind = reply[0], rest = slice(reply, 1);
    if (kind === "v") return decode(rest);
    if (kind === "V") return decode(rest, hostBytes());
    if (kind === "e") throw newError(parse(rest));
    return new GuestPromise((resolve, reject) => {
      waiting[rest] = { __proto__: null, resolve, reject };
    });
  };
}

/** A promise of the host is settled. */
function settle(text, bytes) {
  try {
    const { id, error, value } = decode(text, bytes);
    const { resolve, reject } = waiting[id];
    delete waiting[id];
    if (error === undefined) resolve(value);
    else reject(error);
    return done;
  } catch (error) {
    return failure(error);
  }
}

/** Run, and finish with the result: at once, or when its promise is settled and asked for. */
function begin(run, finish) {
  try {
    const result = run();
    return isThenable(result) ? follow(result, finish) : finish(result);
  } catch (error) {
    return failure(error);
  }
}

const isThenable = (value) =>
  typeof value === "object" && value !== null && typeof value.then === "function";

function follow(result, finish) {
  const node = {
    __proto__: null, id: ++calls, finish, value: undefined, error: undefined, ok: false, next: null,
  };
  wait(node, result);
  cells[0] = node.id;
  return pending;
}

async function wait(node, result) {
  try {
    node.value = await result;
    node.ok = true;
  } catch (error) {
    node.error = error;
  }
  if (lastSettled === null) settled = node;
  else lastSettled.next = node;
  lastSettled = node;
}

/** The next call whose promise is settled; its number is put into cell 0. */
function collect() {
  const node = settled;
  if (node === null) return pending;
  settled = node.next;
  if (settled === null) lastSettled = null;
  let code;
  try {
    code = node.ok ? node.finish(node.value) : failure(node.error);
  } catch (error) {
    code = failure(error);
  }
  cells[0] = node.id;
  return code;
}

const nothing = () => done;

/** Take the options and the context. */
function open(text) {
  try {
    given = decode(text);
    freeze(given.context);
    print = given.context.log;
    return done;
  } catch (error) {
    return failure(error);
  }
}

function importModule(key) {
  return begin(() => import(key), (found) => {
    module = found;
    return done;
  });
}

/** Make the callback of an export; one that is no function is told by its type. */
function make(name) {
  try {
    const exported = module[name];
    if (typeof exported !== "function") {
      return answer({ is: exported === undefined ? "no such export" : typeof exported });
    }
    const args = [given.options, given.context];
    return begin(() => isClass(exported) ? construct(exported, args) : apply(exported, undefined, args), (made) => {
      plugin = made;
      return answer({});
    });
  } catch (error) {
    return failure(error);
  }
}

/** Nothing else tells a class from a function before it is called. */
function isClass(exported) {
  const head = slice(classText(exported), 0, 6), next = head[5];
  return slice(head, 0, 5) === "class" && !(next >= "a" && next <= "z" || next >= "A" && next <= "Z" ||
    next >= "0" && next <= "9" || next === "_" || next === "$");
}

/** Which of these functions the plugin has; what is no object is told by its type. */
function adopt(text) {
  try {
    if (typeof plugin !== "object" || plugin === null) return answer({ is: plugin === null ? "null" : typeof plugin });
    const names = parse(text);
    const found = [];
    for (let i = 0; i < names.length; i++) {
      const method = plugin[names[i]];
      const has = typeof method === "function";
      if (has) hooks[i] = bind(method, plugin);
      defineProperty(found, i, { __proto__: null, value: has });
    }
    return answer({ found });
  } catch (error) {
    return failure(error);
  }
}

/** Names of logs, and the other names that some of them go by. */
function defineLayout(text) {
  try {
    const { id, names, others } = parse(text);
    const known = create(null);
    let body = "";
    for (let i = 0; i < names.length; i++) {
      known[names[i]] = true;
      body += "," + (names[i] === "__proto__" ? '["__proto__"]' : quote(names[i])) + ":cells[" + (i + firstValue) + "]";
    }
    const prototype = others.length === 0 ? undefined : create(getPrototypeOf({}));
    for (let i = 0; i < others.length; i++) {
      const key = others[i][0], other = others[i][1];
      defineProperty(prototype, other, {
        __proto__: null,
        configurable: true,
        get() { return this[key]; },
        set(value) {
          defineProperty(this, other, { __proto__: null, configurable: true, enumerable: true, writable: true, value });
        },
      });
    }
    const source = prototype === undefined ? slice(body, 1) : "__proto__:prototype" + body;
    const newLogs = new GuestFunction("cells", "prototype", "return () => ({" + source + "})")(cells, prototype);
    layouts[id] = { __proto__: null, names, known, newLogs };
    return done;
  } catch (error) {
    return failure(error);
  }
}

/** Call a hook with the logs that stand in the cells. */
function callHook() {
  const hook = hooks[cells[0]], layout = layouts[cells[1]], first = cells[2], flags = cells[3];
  const logs = layout.newLogs();
  const shares = flags & sharesLogs;
  if (!shares) freeze(logs);
  try {
    const result = flags & hasFirst ? hook(first, logs) : hook(logs);
    if (isThenable(result)) return follow(result, shares ? () => giveLogs(logs, layout) : nothing);
    return shares ? giveLogs(logs, layout) : done;
  } catch (error) {
    return failure(error);
  }
}

/** Put the logs into the cells, each with whether it is a number still, then what was added. */
function giveLogs(logs, { names, known }) {
  const count = names.length;
  for (let i = 0; i < count; i++) {
    const value = logs[names[i]];
    const isNumber = typeof value === "number";
    cells[firstValue + i] = isNumber ? value : 0;
    cells[firstValue + count + i] = isNumber ? 1 : 0;
  }
  const now = keys(logs);
  if (now.length === count) {
    let same = true;
    for (let i = 0; i < count && same; i++) same = now[i] === names[i];
    if (same) return done;
  }
  let added = "", at = firstValue + 2 * count;
  for (let i = 0; i < now.length; i++) {
    const name = now[i];
    if (name in known) continue;
    const value = logs[name];
    if (typeof value !== "number") continue;
    if (at >= maxCells) throw tooLarge("so many logs", maxCells);
    cells[at++] = value;
    added += (added === "" ? "" : ",") + quote(name);
  }
  answerText = "[" + added + "]";
  return added === "" ? done : doneWithMore;
}

/** Call a hook with one number. @returns done for what is false, doneWithMore for what is true */
function ask() {
  try {
    return hooks[cells[0]](cells[2]) ? doneWithMore : done;
  } catch (error) {
    return failure(error);
  }
}

/** Call a function of the plugin with arguments of any kind. */
function invoke(text, bytes) {
  try {
    const { hook, args, wantsResult } = decode(text, bytes);
    return begin(() => apply(hooks[hook], undefined, args), wantsResult ? answer : nothing);
  } catch (error) {
    return failure(error);
  }
}

return {
  adopt, ask, callHook, collect, defineLayout, importModule, invoke, make, open, settle, takeBytes,
  takeText,
};
`;
