import type { CallbackHooks, CallbackLike } from "./callback.ts";
import { classNameOf } from "./class_name.ts";
import type { HookTiming } from "./history.ts";
import { inCallOrder } from "./hook_order.ts";

/** The hooks that a list calls, under their current names. */
export const hookNames = [
  "beforeTrainBegin",
  "onTrainBegin",
  "onTrainEnd",
  "afterTrainEnd",
  "onEpochBegin",
  "onEpochEnd",
  "afterEpochEnd",
  "onTrainBatchBegin",
  "onTrainBatchEnd",
  "onTestBegin",
  "onTestEnd",
  "onTestBatchBegin",
  "onTestBatchEnd",
  "onPredictBegin",
  "onPredictEnd",
  "onPredictBatchBegin",
  "onPredictBatchEnd",
  "onYield",
  "onException",
  "close",
] as const satisfies readonly ListHook[];

/** Name of a hook that a list calls. */
export type ListHook = Exclude<keyof CallbackHooks, "onBatchBegin" | "onBatchEnd">;

/** Names from before Keras 2.2, which tfjs still uses; called if the current hook is absent. */
export const olderNames: Partial<Record<ListHook, keyof CallbackHooks>> = {
  onTrainBatchBegin: "onBatchBegin",
  onTrainBatchEnd: "onBatchEnd",
};

/** All names of hooks, including older ones. */
export const everyHookName: readonly (keyof CallbackHooks)[] = [
  ...hookNames,
  ...Object.values(olderNames),
];

type Hook = (...args: readonly unknown[]) => unknown;

/** A hook of one callback. */
export interface Receiver {
  readonly callback: CallbackLike;
  /** Name of the callback in messages. */
  readonly name: string;
  readonly hook: ListHook;
  readonly call: (args: readonly unknown[]) => unknown;
  readonly timing: HookTiming;
}

/**
 * Receivers of each hook, in calling order. A hook that a callback lacks has no entry and costs
 * nothing.
 *
 * @throws CallbackError for conflicting ordering constraints (`CALLBACK_ORDER`)
 */
export function lookUpReceivers(
  callbacks: readonly CallbackLike[],
): Record<ListHook, Receiver[]> {
  const receivers = {} as Record<ListHook, Receiver[]>;
  for (const hook of hookNames) {
    const listed = callbacks.flatMap((callback): Receiver[] => {
      const own = [hook, olderNames[hook]].find((name) =>
        name !== undefined && typeof callback[name] === "function"
      );
      if (own === undefined || isEmptyHookOfTfjs(callback, own)) return [];
      const name = nameOf(callback);
      return [{
        callback,
        name,
        hook,
        // Looked up in each call, because it may be replaced; most take two arguments.
        call: (args) =>
          args.length === 2
            ? (callback[own] as Hook)(args[0], args[1])
            : (callback[own] as Hook)(...args),
        timing: { callback: name, hook, calls: 0, milliseconds: 0 },
      }];
    });
    receivers[hook] = inCallOrder(hook, listed);
  }
  return receivers;
}

/** Name of a callback in messages: its `name`, or that of its class. */
export function nameOf(callback: CallbackLike): string {
  if (typeof callback.name === "string" && callback.name !== "") return callback.name;
  const name = classNameOf(callback);
  return name === "" || name === "Object" ? "(plain object)" : name;
}

/**
 * Whether a hook is only inherited from `tf.Callback`, which defines all six as empty async
 * functions. Calling them would create promises and read the logs of every batch.
 */
function isEmptyHookOfTfjs(callback: CallbackLike, hook: keyof CallbackHooks): boolean {
  // The base class is not exported, and each copy of tfjs has one, so it is recognized by its
  // members.
  if (!("validationData" in callback)) return false;
  let owner: object = Object.getPrototypeOf(callback);
  // A class without a parent belongs to the user, regardless of its fields.
  if (Object.hasOwn(callback, hook) || Object.hasOwn(owner, hook)) return false;
  while (!Object.hasOwn(owner, hook)) owner = Object.getPrototypeOf(owner);
  return Object.getPrototypeOf(owner) === Object.prototype && Object.hasOwn(owner, "setParams");
}
