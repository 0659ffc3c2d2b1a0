/** Calls of the plugin that may return a promise. */
import { codes } from "../protocol.ts";
import { failure } from "./answers.ts";
import { cells } from "./cells.ts";

/** Makes the answer of a call from its result. */
type Finish = (value: unknown) => number;

/** A call whose promise is awaited. */
interface Call {
  __proto__: null;
  id: number;
  finish: Finish;
  value: unknown;
  error: unknown;
  ok: boolean;
  next: Call | null;
}

const { pending } = codes;

let count = 0;
/** Calls whose promise has settled, the oldest first. */
let settled: Call | null = null;
let lastSettled: Call | null = null;

/**
 * Run, and finish with the result: immediately, or after its promise has settled, when
 * {@linkcode collect} is called.
 */
export function begin(run: () => unknown, finish: Finish): number {
  try {
    const result = run();
    return isThenable(result) ? follow(result, finish) : finish(result);
  } catch (error) {
    return failure(error);
  }
}

export const isThenable = (value: unknown): boolean =>
  typeof value === "object" && value !== null &&
  typeof (value as { then?: unknown }).then === "function";

/** Finish when a promise settles. */
export function follow(result: unknown, finish: Finish): number {
  const call: Call = {
    __proto__: null,
    id: ++count,
    finish,
    value: undefined,
    error: undefined,
    ok: false,
    next: null,
  };
  wait(call, result);
  cells[0] = call.id;
  return pending;
}

async function wait(call: Call, result: unknown): Promise<void> {
  try {
    call.value = await result;
    call.ok = true;
  } catch (error) {
    call.error = error;
  }
  if (lastSettled === null) settled = call;
  else lastSettled.next = call;
  lastSettled = call;
}

export function collect(): number {
  const call = settled;
  if (call === null) return pending;
  settled = call.next;
  if (settled === null) lastSettled = null;
  let code;
  try {
    code = call.ok ? call.finish(call.value) : failure(call.error);
  } catch (error) {
    code = failure(error);
  }
  cells[0] = call.id;
  return code;
}
