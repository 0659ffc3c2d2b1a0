/**
 * Ports of this machine that no other test gets. A server on port 0 gets one that is free, and when
 * it is closed, the system may give it to the server of another test at once.
 */
import process from "node:process";

/** An address where nothing listens: no system gives away a port so low. */
export const nowhere = "127.0.0.1:2";

/** A port for a server that has to know it before: below those that systems give away. */
export const ownPort: number = 20_000 + process.pid % 10_000;
