import { newError } from "./codec.ts";
import {
  bufferLength,
  bufferOf,
  Bytes,
  defineProperty,
  errors,
  GuestDate,
  GuestMap,
  GuestSet,
  isArray,
  keys,
  kindOf,
  lengthOf,
  offsetOf,
  setBytes,
  tagOf,
  uncurry,
  views,
} from "./primordials.ts";

type Seen = Map<object, object>;
type AnyMap = Map<unknown, unknown>;
type AnySet = Set<unknown>;

const mapGet = uncurry<Seen, [key: object], object | undefined>(Map.prototype.get);
const mapSet = uncurry<AnyMap, [key: unknown, value: unknown], unknown>(Map.prototype.set);
const setAdd = uncurry<AnySet, [value: unknown], unknown>(Set.prototype.add);
const eachOfMap = uncurry<AnyMap, [each: (value: unknown, key: unknown) => void], void>(
  Map.prototype.forEach,
);
const eachOfSet = uncurry<AnySet, [each: (value: unknown) => void], void>(Set.prototype.forEach);
const timeOf = uncurry<Date, [], number>(Date.prototype.getTime);

/** `structuredClone` as on the web, for the types that exist in a sandbox. */
export function structuredClone(value: unknown): unknown {
  return clone(value, new GuestMap());
}

function clone(value: unknown, seen: Seen): unknown {
  if (typeof value === "function" || typeof value === "symbol") {
    throw new errors.TypeError("Cannot clone a " + typeof value);
  }
  if (typeof value !== "object" || value === null) return value;
  const known = mapGet(seen, value);
  if (known !== undefined) return known;
  const keep = <T extends object>(copy: T): T => {
    mapSet(seen as AnyMap, value, copy);
    return copy;
  };
  const kind = kindOf(value);
  if (kind !== undefined) {
    const view = value as ArrayBufferView;
    const bytes = new Bytes(lengthOf(view));
    setBytes(bytes, new Bytes(bufferOf(view), offsetOf(view), lengthOf(view)));
    return keep(new views[kind](bufferOf(bytes)));
  }
  if (isArray(value)) {
    const copy = keep([]);
    for (let i = 0; i < value.length; i++) put(copy, i, clone(value[i], seen));
    return copy;
  }
  switch (tagOf(value)) {
    case "[object ArrayBuffer]": {
      const buffer = value as ArrayBuffer;
      const bytes = new Bytes(bufferLength(buffer));
      setBytes(bytes, new Bytes(buffer));
      return keep(bufferOf(bytes));
    }
    case "[object Date]":
      return keep(new GuestDate(timeOf(value as Date)));
    case "[object Map]": {
      const copy = keep(new GuestMap());
      eachOfMap(value as AnyMap, (one, key) => mapSet(copy, clone(key, seen), clone(one, seen)));
      return copy;
    }
    case "[object Set]": {
      const copy = keep(new GuestSet());
      eachOfSet(value as AnySet, (one) => setAdd(copy, clone(one, seen)));
      return copy;
    }
    case "[object Error]": {
      const { name, message } = value as Error;
      return keep(newError({ name, message }));
    }
    case "[object Object]": {
      const copy = keep({});
      const names = keys(value);
      for (let i = 0; i < names.length; i++) {
        put(copy, names[i], clone((value as Record<string, unknown>)[names[i]], seen));
      }
      return copy;
    }
  }
  throw new errors.TypeError("Cannot clone " + tagOf(value));
}

function put(object: object, key: PropertyKey, value: unknown): void {
  defineProperty(object, key, {
    __proto__: null,
    configurable: true,
    enumerable: true,
    writable: true,
    value,
  });
}
