/**
 * Ports of this machine that no other test uses. A server on port 0 gets a free one; as soon as it
 * is closed, the system may give that port to the server of another test.
 */
import process from "node:process";

/** An address without a server: no system assigns such a low port. */
export const nowhere = "127.0.0.1:2";

/** A port for a server that must know it in advance, below those that systems assign. */
export const ownPort: number = 20_000 + process.pid % 10_000;
