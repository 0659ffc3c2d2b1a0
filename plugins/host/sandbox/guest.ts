import { guestBridge } from "./guest_bridge.ts";
import { guestCodec } from "./guest_codec.ts";
import { guestGlobals } from "./guest_globals.ts";
import { maxDepth, maxText, maxValues } from "./value_codec.ts";

/** How a call into the sandbox went. */
export const codes = { done: 0, doneWithMore: 1, pending: 2, failed: 3 } as const;

/** Flags of a hook's call. */
export const flags = { hasFirst: 1, sharesLogs: 2 } as const;

/** Cells of the memory that both sides see; the logs begin at the first value. */
export const cellCount = 4096;

/** Where the logs begin. */
export const firstValue = 4;

/** Name of the prelude in stacks. */
export const preludeName = "keepfit:sandbox";

/**
 * The script that runs before a plugin's: a function that is given `callHost`, `hostBytes` and
 * `shared`, and returns what the host calls.
 *
 * @param maxBytes most bytes that leave the sandbox at once
 */
export function preludeOf(maxBytes: number): string {
  const constants = {
    ...codes,
    ...flags,
    firstValue,
    maxBytes,
    maxCells: cellCount,
    maxDepth,
    maxText,
    maxValues,
  };
  const declared = Object.entries(constants).map(([name, value]) => `${name} = ${value}`);
  return `(function (callHost, hostBytes, shared) { "use strict";\nconst ${declared.join(", ")};` +
    `${guestCodec}${guestGlobals}${guestBridge}})`;
}
