/**
 * The protocol between the two sides of a sandbox. The host imports it, and `build/guest.ts`
 * bundles it into the guest's code.
 */

/** Result codes of a call into the sandbox. */
export const codes = { done: 0, doneWithMore: 1, pending: 2, failed: 3 } as const;

/** Flags of a hook's call. */
export const flags = { hasFirst: 1, sharesLogs: 2 } as const;

/**
 * Cells of the shared memory: 0 hook, or call; 1 layout; 2 first argument; 3 flags; then the logs.
 */
export const cellCount = 4096;

/** Index of the first log. */
export const firstValue = 4;

/** Maximum number of values in one message. */
export const maxValues = 1_000_000;

/** Maximum nesting depth of arrays and objects. */
export const maxDepth = 64;

/** Maximum number of characters in one message. */
export const maxText = 16 * 1024 * 1024;

/** Maximum length of the name of a log that a plugin adds. */
export const maxLogName = 200;

/** Parameters of the guest's code. */
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
  /** Maximum number of bytes that leave the sandbox in one message. */
  maxBytes: number;
}

/**
 * Functions that the host calls. Each returns one of the {@linkcode codes}; text arguments come
 * from the host's codec. The rest of an answer is fetched with `takeText` and `takeBytes`.
 */
export interface Guest {
  /** Receive the options and the context. */
  open(text: string): number;
  importModule(key: string): number;
  /** Create the callback of an export; if the export is not a function, the answer is its type. */
  make(name: string): number;
  /**
   * Look up functions of the callback; the answer lists those it has, or is its type if it is not
   * an object.
   */
  adopt(text: string): number;
  /** Store names of logs, and their other names. */
  defineLayout(text: string): number;
  /** Call the hook with the logs in the cells. */
  callHook(): number;
  /** Call the hook with one number. @returns `doneWithMore` for a true result, otherwise `done` */
  ask(): number;
  /** Call a function of the callback with arguments of any kind. */
  invoke(text: string, bytes: ArrayBuffer | undefined): number;
  /** Settle a promise of the host. */
  settle(text: string, bytes: ArrayBuffer | undefined): number;
  /** Finish the next call whose promise has settled; its number is written to cell 0. */
  collect(): number;
  takeText(): string;
  takeBytes(): ArrayBuffer | undefined;
}
