import { messageOf } from "../core/errors.ts";
import { getRuntime } from "./get_runtime.ts";

/**
 * Run the main function of a program. If it fails, print the message to standard error and exit
 * with code 1. `KEEPFIT_DEBUG=1` in the environment prints the stack too.
 *
 * @param main main function
 * @example
 * ```ts
 * import { runProgram } from "keepfit/runtime";
 *
 * await runProgram(async () => {
 *   await Promise.resolve("load the data, fit the model");
 * });
 * ```
 */
export async function runProgram(main: () => Promise<void> | void): Promise<void> {
  try {
    await main();
  } catch (error) {
    printError("", error);
    if (!isDebugging()) console.error("KEEPFIT_DEBUG=1 prints the stack");
    getRuntime().exit(1);
  }
}

/**
 * Print the message of an error, followed by the messages of its causes that it does not contain
 * yet. `KEEPFIT_DEBUG=1` in the environment prints the error itself, with its stack.
 *
 * @param prefix text before the message: the name of the program
 * @param shown function that makes the text printable
 */
export function printError(
  prefix: string,
  error: unknown,
  shown: (text: string) => string = (text) => text,
): void {
  if (isDebugging()) console.error(error);
  else console.error(shown(prefix + errorText(error)));
}

function isDebugging(): boolean {
  return !["", "0", undefined].includes(getRuntime().env("KEEPFIT_DEBUG"));
}

/** The message of an error, followed by the messages of its causes that it does not contain yet. */
export function errorText(error: unknown): string {
  let text = messageOf(error);
  const seen = new Set<unknown>([error]);
  for (let cause = causeOf(error); cause !== undefined && !seen.has(cause);) {
    seen.add(cause);
    const message = messageOf(cause);
    if (!text.includes(message)) text += `\n  because: ${message.replaceAll("\n", "\n  ")}`;
    cause = causeOf(cause);
  }
  return text;
}

function causeOf(error: unknown): unknown {
  return error instanceof Error ? error.cause : undefined;
}
