/**
 * Entry point of the guest's code: the functions that the host calls, before and after the plugin
 * is created.
 */
import { codes, type Guest } from "../protocol.ts";
import { answer, failure, nothing, takeBytes, takeText } from "./answers.ts";
import { begin, collect } from "./calls.ts";
import { decode } from "./codec.ts";
import { printBy } from "./globals.ts";
import { addHook, ask, callHook, defineLayout, hookOf } from "./hooks.ts";
import { hostFunction, settlePromise } from "./host_functions.ts";
import {
  apply,
  type Callable,
  construct,
  defineProperty,
  freeze,
  parse,
  slice,
  sourceOf,
} from "./primordials.ts";

/** Arguments of the plugin's factory. */
interface FactoryArguments {
  options: unknown;
  context: { log(line: string): void };
}

let factoryArguments: FactoryArguments;
let module: Record<string, unknown>;
let plugin: unknown;

function open(text: string): number {
  try {
    factoryArguments = decode(text, undefined, hostFunction) as FactoryArguments;
    freeze(factoryArguments.context);
    printBy(factoryArguments.context.log);
    return codes.done;
  } catch (error) {
    return failure(error);
  }
}

function importModule(key: string): number {
  return begin(() => import(key), (found) => {
    module = found as typeof module;
    return codes.done;
  });
}

function make(name: string): number {
  try {
    const exported = module[name];
    if (typeof exported !== "function") {
      return answer({ is: exported === undefined ? "no such export" : typeof exported });
    }
    const args = [factoryArguments.options, factoryArguments.context];
    const run = () =>
      isClass(exported as Callable)
        ? construct(exported, args)
        : apply(exported as Callable, undefined, args);
    return begin(run, (made) => {
      plugin = made;
      return answer({});
    });
  } catch (error) {
    return failure(error);
  }
}

/** The only way to tell a class from a function before the call. */
function isClass(exported: Callable): boolean {
  const head = slice(sourceOf(exported), 0, 6);
  const next = head[5];
  return slice(head, 0, 5) === "class" &&
    !(next >= "a" && next <= "z" || next >= "A" && next <= "Z" || next >= "0" && next <= "9" ||
      next === "_" || next === "$");
}

function adopt(text: string): number {
  try {
    if (typeof plugin !== "object" || plugin === null) {
      return answer({ is: plugin === null ? "null" : typeof plugin });
    }
    const names = parse(text) as string[];
    const found: boolean[] = [];
    for (let i = 0; i < names.length; i++) {
      const method = (plugin as Record<string, unknown>)[names[i]];
      const has = typeof method === "function";
      if (has) addHook(i, method as Callable, plugin);
      defineProperty(found, i, { __proto__: null, value: has });
    }
    return answer({ found });
  } catch (error) {
    return failure(error);
  }
}

function invoke(text: string, bytes: ArrayBuffer | undefined): number {
  try {
    const { hook, args, wantsResult } = decode(text, bytes) as Invocation;
    return begin(() => apply(hookOf(hook), undefined, args), wantsResult ? answer : nothing);
  } catch (error) {
    return failure(error);
  }
}

/** A call as the host sends it. */
interface Invocation {
  hook: number;
  args: unknown[];
  wantsResult: boolean;
}

function settle(text: string, bytes: ArrayBuffer | undefined): number {
  try {
    settlePromise(text, bytes);
    return codes.done;
  } catch (error) {
    return failure(error);
  }
}

/** The exports of the guest's code. */
export const guest: Guest = {
  adopt,
  ask,
  callHook,
  collect,
  defineLayout,
  importModule,
  invoke,
  make,
  open,
  settle,
  takeBytes,
  takeText,
};
