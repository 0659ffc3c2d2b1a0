import type { GuestHost } from "../protocol.ts";

/** Parameters of the function that `build/guest.ts` wraps around the guest's code. */
declare const host: GuestHost;

/** The host's functions, the shared memory and the size limit. */
export const { callHost, hostBytes, maxBytes, shared } = host;
