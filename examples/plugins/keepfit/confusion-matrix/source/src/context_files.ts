import type { PluginContext } from "keepfit/plugins";
import type { FileSystem } from "keepfit/runtime";

/** As much of a file system as an event file needs, over what a plugin may do: put data behind data. */
export function contextFiles(context: PluginContext): FileSystem {
  return {
    makeDir: () => Promise.resolve(),
    // It may write only: the files of earlier runs are not its business.
    readDir: () => Promise.resolve([]),
    open: (path: string | URL) => {
      let last: Promise<unknown> = Promise.resolve();
      return Promise.resolve({
        write: async (data: Uint8Array | string): Promise<void> => {
          last = context.append!(String(path).replace(/^\.\//, ""), data);
          await last;
        },
        sync: async (): Promise<void> => void await last,
        close: async (): Promise<void> => void await last,
      });
    },
  } as unknown as FileSystem;
}
