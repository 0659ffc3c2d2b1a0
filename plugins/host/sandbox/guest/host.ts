import type { GuestHost } from "../protocol.ts";

/** Declared by the function that `build/guest.ts` puts around the guest's code. */
declare const host: GuestHost;

/** The host's functions, memory and limit. */
export const { callHost, hostBytes, maxBytes, shared } = host;
