import { printable } from "../../../core/printable.ts";

const maxLength = 200;

/** A value from a plugin as text for a message: short and safe to print. */
export function shown(value: unknown): string {
  const text = typeof value === "string" ? value : typeof value;
  return printable(text.length > maxLength ? `${text.slice(0, maxLength)}…` : text);
}
