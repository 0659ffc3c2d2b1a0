import type { PluginContext } from "keepfit/plugins";
import type { FileSystem } from "keepfit/runtime";

/** The file system that an event file needs, with the plugin's right to append. */
export function contextFiles(context: PluginContext): FileSystem {
  return {
    makeDir: () => Promise.resolve(),
    // The plugin may only write, so the files of earlier runs are not listed.
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
