import { everyHookName } from "./receivers.ts";
import { didYouMean, nearest } from "./unknown_option.ts";

/** A member that is never called. */
export interface UnreadMember {
  name: string;
  /** Suggestion, such as `did you mean 'onEpochEnd'?` */
  advice: string;
}

/** Optional members in addition to the hooks. */
const abilities = [
  "getState",
  "hookOrder",
  "name",
  "onError",
  "readsBatchLogs",
  "setModel",
  "setParams",
  "setState",
  "stateKey",
  "syncState",
];
const known = new Set<string>([...everyHookName, ...abilities]);
const byBareName = new Map([...known].map((name) => [bare(name), name]));

/**
 * Members of a callback that look like hooks but are not: `on_epoch_end`, `onEpochStart`,
 * `set_model`, a callback in a plain object. Getters are not called.
 */
export function unreadMembers(callback: object): UnreadMember[] {
  const found = new Map<string, string>();
  const isPlain = Object.getPrototypeOf(callback) === Object.prototype;
  for (
    let owner: object | null = callback;
    owner !== null && owner !== Object.prototype;
    owner = Object.getPrototypeOf(owner)
  ) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(owner))) {
      if (known.has(name)) continue;
      const advice = typeof value === "function"
        ? adviceOnFunction(name, isPlain)
        : isPlain && hasHook(value)
        ? "it is a callback, so add it to the list of callbacks"
        : undefined;
      if (advice !== undefined) found.set(name, advice);
    }
  }
  return [...found].map(([name, advice]) => ({ name, advice }));
}

function adviceOnFunction(name: string, isPlain: boolean): string | undefined {
  const meant = byBareName.get(bare(name)) ??
    (/^(on|before|after)[A-Z_]/.test(name) ? nearest(name, everyHookName) : undefined);
  if (meant !== undefined) return `did you mean '${meant}'?`;
  // A class may have other methods, but all functions of a plain object are meant as hooks.
  return isPlain && /^on[A-Z_]/.test(name) ? didYouMean(name, everyHookName) : undefined;
}

/** A name in lower case without underscores: `onepochend` for `on_epoch_end` and `onEpochEnd`. */
function bare(name: string): string {
  return name.replaceAll("_", "").toLowerCase();
}

function hasHook(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value) &&
    everyHookName.some((hook) => typeof (value as Record<string, unknown>)[hook] === "function");
}
