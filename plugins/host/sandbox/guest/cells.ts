import { shared } from "./host.ts";

/** The memory that both sides share; see `protocol.ts`. */
export const cells = new Float64Array(shared);
