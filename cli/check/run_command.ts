import { getRuntime } from "../../runtime/mod.ts";
import type { CommandResult } from "../../runtime/types.ts";

/**
 * Run a program that may not be installed.
 *
 * @returns its result; undefined when it cannot be started
 * @throws DOMException `TimeoutError` after three minutes
 */
export async function runCommand(
  command: string,
  args: readonly string[],
): Promise<CommandResult | undefined> {
  try {
    return await getRuntime().runCommand(command, args, { timeout: 180_000, maxBytes: 4 << 20 });
  } catch (error) {
    if (error instanceof DOMException) throw error;
    return undefined;
  }
}
