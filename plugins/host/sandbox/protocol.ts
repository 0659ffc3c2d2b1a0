/**
 * What the two sides of a sandbox agree on. The host imports it, and `build/guest.ts` bundles it into
 * the guest's code.
 */

/** How a call into the sandbox went. */
export const codes = { done: 0, doneWithMore: 1, pending: 2, failed: 3 } as const;

/** Flags of a hook's call. */
export const flags = { hasFirst: 1, sharesLogs: 2 } as const;

/**
 * Cells of the memory that both sides see: 0 hook, or call; 1 layout; 2 first argument; 3 flags; then
 * the logs.
 */
export const cellCount = 4096;

/** Where the logs begin. */
export const firstValue = 4;

/** Most values in what crosses at once. */
export const maxValues = 1_000_000;

/** Deepest that arrays and objects may be nested in one another. */
export const maxDepth = 64;

/** Most characters of text that cross at once. */
export const maxText = 16 * 1024 * 1024;

/** Most characters of the name of a log that a plugin adds. */
export const maxLogName = 200;

/** What the guest is started with: the parameters of its code. */
export interface GuestHost {
  /**
   * Call a function of the host. @returns `v` and its value, `V` for one with bytes, `e` and its
   * error, `p` and the number of its promise
   */
  callHost(index: number, text: string, bytes: ArrayBuffer | undefined): string;
  /** The bytes of the last reply. */
  hostBytes(): ArrayBuffer | undefined;
  /** The cells. */
  shared: ArrayBuffer;
  /** Most bytes that leave the sandbox at once. */
  maxBytes: number;
}

/**
 * What the host calls. Each function returns one of the {@linkcode codes}, and those that take text
 * get it from the host's codec; the rest of the answer is fetched with `takeText` and `takeBytes`.
 */
export interface Guest {
  /** Take the options and the context. */
  open(text: string): number;
  importModule(key: string): number;
  /** Make the callback of an export; the answer says what it is instead where it is no function. */
  make(name: string): number;
  /** Look up functions of the callback; the answer says which it has, or what it is instead. */
  adopt(text: string): number;
  /** Learn names of logs, and the other names that some of them go by. */
  defineLayout(text: string): number;
  /** Call the hook with the logs that are in the cells. */
  callHook(): number;
  /** Call the hook with one number. @returns `doneWithMore` for what is true, else `done` */
  ask(): number;
  /** Call a function of the callback with arguments of any kind. */
  invoke(text: string, bytes: ArrayBuffer | undefined): number;
  /** Settle a promise of the host. */
  settle(text: string, bytes: ArrayBuffer | undefined): number;
  /** Finish the next call whose promise is settled; its number is put into cell 0. */
  collect(): number;
  takeText(): string;
  takeBytes(): ArrayBuffer | undefined;
}
