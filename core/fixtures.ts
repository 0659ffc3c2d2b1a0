/** Fixtures of the tests in this room. */
import { CallbackError } from "./errors.ts";

/** Warnings of `run`. */
export async function warned(run: () => unknown): Promise<string[]> {
  const { warn } = console;
  const messages: string[] = [];
  console.warn = (message: string) => void messages.push(message);
  try {
    await run();
  } finally {
    console.warn = warn;
  }
  return messages;
}

/** The error of a run that must fail with a CallbackError. */
export async function errorOf(run: () => unknown): Promise<CallbackError> {
  try {
    await run();
  } catch (error) {
    if (error instanceof CallbackError) return error;
    throw error;
  }
  throw new Error("it did not fail");
}
