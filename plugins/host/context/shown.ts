import { printable } from "../../../core/printable.ts";

const maxLength = 200;

/** What a plugin gave, for a message: not longer than a message may be, and safe to print. */
export function shown(value: unknown): string {
  const text = typeof value === "string" ? value : typeof value;
  return printable(text.length > maxLength ? `${text.slice(0, maxLength)}…` : text);
}
