import type { ErrorPolicy } from "./callback.ts";

/** An invalid value in the form for messages. */
export function showValue(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "function") return "a function";
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value !== "object" || value === null) return String(value);
  if (Array.isArray(value)) return "an array";
  if (typeof (value as { then?: unknown }).then === "function") return "a promise";
  return value instanceof URL ? value.href : "an object";
}

/** True for an object with members, but not an array or a promise. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) &&
    typeof (value as { then?: unknown }).then !== "function";
}

/**
 * Reject options that are not an object, which would otherwise be ignored.
 *
 * @throws TypeError that names the owner
 */
export function checkIsRecord(owner: string, options: unknown): void {
  if (isRecord(options)) return;
  const hint = typeof options === "function" ? "; name its hook: { onEpochEnd: ... }" : "";
  throw new TypeError(
    `Cannot create ${owner} with options ${showValue(options)}: options must be an object${hint}`,
  );
}

/** True for one of the three policies. */
export function isErrorPolicy(value: unknown): value is ErrorPolicy {
  return value === "throw" || value === "disable" || value === "warn";
}

/**
 * Reject an unknown error policy.
 *
 * @throws RangeError that names the owner
 */
export function checkErrorPolicy(owner: string, onError: unknown): void {
  if (onError === undefined || isErrorPolicy(onError)) return;
  const message = `Cannot create ${owner} with onError ${showValue(onError)}: onError must be ` +
    `"throw", "disable" or "warn"`;
  throw typeof onError === "string" ? new RangeError(message) : new TypeError(message);
}
