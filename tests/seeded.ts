import { random as fromSeed } from "../core/random.ts";

/** Returns integers from 0 to `limit` (exclusive), the same ones for the same seed. */
export type Random = (limit: number) => number;

/** Whether the long tests are enabled: `KEEPFIT_LONG=1`. */
export const isLong: boolean =
  (globalThis as { process?: { env: Record<string, string | undefined> } }).process?.env
    .KEEPFIT_LONG === "1";

/**
 * Create a generator of random numbers with a seed, so that a failure can be reproduced.
 */
export function createRandom(seed: number): Random {
  return fromSeed(seed).below;
}

/** Choose one of the items. */
export function pick<One>(random: Random, from: readonly One[]): One {
  return from[random(from.length)];
}

/** Random JSON data with a maximum depth. */
export function someJson(random: Random, depth = 4): unknown {
  const kind = random(depth > 0 ? 9 : 7);
  const count = random(4);
  switch (kind) {
    case 0:
      return null;
    case 1:
      return random(2) === 0;
    case 2:
      return random(1000) - 500;
    case 3:
      return pick(random, oddNumbers);
    case 4:
      return pick(random, oddTexts);
    case 5:
      return "";
    case 6:
      return someText(random, 12);
    case 7:
      return Array.from({ length: count }, () => someJson(random, depth - 1));
    default:
      return Object.fromEntries(
        Array.from({ length: count }, () => [someText(random, 6), someJson(random, depth - 1)]),
      );
  }
}

/** Random text of all kinds of characters, with a maximum length. */
export function someText(random: Random, length: number): string {
  return Array.from({ length: random(length + 1) }, () => pick(random, characters)).join("");
}

/** A text with some characters inserted, removed, doubled or changed. */
export function mutateText(random: Random, text: string, pieces: readonly string[]): string {
  let changed = text;
  for (let times = random(3) + 1; times > 0; times--) {
    const at = random(changed.length + 1);
    const end = Math.min(changed.length, at + random(4));
    switch (random(4)) {
      case 0:
        changed = changed.slice(0, at) + pick(random, pieces) + changed.slice(at);
        break;
      case 1:
        changed = changed.slice(0, at) + changed.slice(end);
        break;
      case 2:
        changed = changed.slice(0, end) + changed.slice(at);
        break;
      default:
        changed = changed.slice(0, at) + pick(random, characters) + changed.slice(end);
    }
  }
  return changed;
}

/**
 * Change one part of the data: replace a value, remove or add a key, or copy the value of another
 * key.
 *
 * @param data plain data; changed in place
 */
export function mutateJson(random: Random, data: unknown): void {
  const parts = partsOf(data);
  if (parts.length === 0) return;
  const { holder, key } = pick(random, parts);
  switch (random(6)) {
    case 0:
      delete holder[key];
      break;
    case 1:
      put(holder, key, someJson(random, 3));
      break;
    case 2:
      put(holder, pick(random, oddKeys), holder[key]);
      break;
    case 3: {
      const other = pick(random, parts);
      // Copied, because a manifest that contains itself is not JSON.
      put(holder, key, structuredClone(other.holder[other.key]));
      break;
    }
    case 4:
      put(holder, key, [holder[key], holder[key]]);
      break;
    default:
      if (typeof holder[key] === "string") {
        put(holder, key, mutateText(random, holder[key], [...oddTexts, ...oddKeys]));
      } else put(holder, key, pick(random, oddNumbers));
  }
}

interface Place {
  holder: Record<string, unknown>;
  key: string;
}

function partsOf(data: unknown): Place[] {
  if (typeof data !== "object" || data === null) return [];
  const holder = data as Record<string, unknown>;
  return Object.keys(holder).flatMap((key) => [{ holder, key }, ...partsOf(holder[key])]);
}

/** Set a key like JSON.parse, for which `__proto__` is an ordinary key. */
function put(holder: Record<string, unknown>, key: string, value: unknown): void {
  if (Array.isArray(holder) && !/^\d$/.test(key)) return;
  Object.defineProperty(holder, key, {
    value,
    configurable: true,
    enumerable: true,
    writable: true,
  });
}

const characters = [...' "\\/.-_*+:@#%?~^=<>|x0123456789abcXYZ\u0000\n\u00e9\u202e\u20ac', "😀"];
const oddNumbers = [0, -0, -1, 0.1, 1e21, 5e-324, 1e308, 2 ** 53, -(2 ** 31)];
const oddTexts = ["..", "/", "*", "1.2.3", "^1", "a/b", "https://a", "sha384-", "\ud83d\ude00"];
const oddKeys = ["__proto__", "constructor", "prototype", "toString", "0", "x-a", "", "length"];
