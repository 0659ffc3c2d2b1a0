import {
  changeFile as change,
  FileBusyError,
  type LockTimeouts,
} from "../../runtime/change_file.ts";
import type { FileSystem } from "../../runtime/types.ts";
import { PluginError } from "../errors.ts";

/**
 * Change a file of a project while no other process changes it.
 *
 * @throws PluginError `E_LOCK` when other processes keep changing it
 */
export async function changeFile(
  fs: FileSystem,
  url: URL,
  makeText: (text: string | undefined) => string | Promise<string>,
  timeouts?: LockTimeouts,
): Promise<void> {
  try {
    await change(fs, url, makeText, timeouts);
  } catch (error) {
    if (!(error instanceof FileBusyError)) throw error;
    throw new PluginError("E_LOCK", `Cannot change ${url}: other processes keep changing it`, {
      url: error.mark.href,
      hint: `if no keepfit runs, remove ${error.mark}`,
    });
  }
}
