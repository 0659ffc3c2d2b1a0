import { shared } from "./host.ts";

/** The memory that both sides see: see `protocol.ts`. */
export const cells = new Float64Array(shared);
