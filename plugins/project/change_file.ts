import { changeFile as change, FileBusyError, type Patience } from "../../runtime/change_file.ts";
import type { FileSystem } from "../../runtime/types.ts";
import { PluginError } from "../errors.ts";

/**
 * Change a file of a project while no other process does.
 *
 * @throws PluginError `E_LOCK` when other processes keep changing it
 */
export async function changeFile(
  fs: FileSystem,
  place: URL,
  makeText: (text: string | undefined) => string | Promise<string>,
  patience?: Patience,
): Promise<void> {
  try {
    await change(fs, place, makeText, patience);
  } catch (error) {
    if (!(error instanceof FileBusyError)) throw error;
    throw new PluginError("E_LOCK", `Cannot change ${place}: others do`, {
      url: error.mark.href,
      hint: `if no keepfit runs, remove ${error.mark}`,
    });
  }
}
