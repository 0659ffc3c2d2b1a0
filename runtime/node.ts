import type { AddressInfo } from "node:net";
import { cacheDirOf } from "./cache_dir.ts";
import { cpuTime } from "./cpu_time.ts";
import { createFileSystem } from "./file_system.ts";
import { interruptSignals } from "./interrupt_signals.ts";
import { isRunning, startOfProcess, startTimeOfProcess } from "./is_running.ts";
import { nodeCalls } from "./node_calls.ts";
import { runNodeCommand } from "./node_command.ts";
import { toFileUrl } from "./paths.ts";
import { answering, checkAddress, serverUrl, toServeError } from "./serve.ts";
import { createTerminal } from "./terminal.ts";
import type { Runtime } from "./types.ts";
import { startNodeWorker } from "./worker.ts";

/**
 * The adapter for Node. Modules of Node are loaded when the function is called, not when this file
 * is imported.
 */
export function nodeRuntime(): Runtime {
  return {
    name: "node",
    version: process.versions.node,
    ...onProcess(),
    startWorker: startNodeWorker,
    async serve(handler, { hostname, port }) {
      checkAddress(hostname, port);
      const { createAdaptorServer } = await import("@hono/node-server");
      const server = createAdaptorServer({
        fetch: answering(handler),
        overrideGlobalObjects: false,
      }) as import("node:http").Server;
      await new Promise<void>((resolve, reject) => {
        server.once("error", (error) => reject(toServeError(error, hostname, port)));
        server.listen(port, hostname, resolve);
      });
      return {
        url: serverUrl(hostname, (server.address() as AddressInfo).port),
        close: () =>
          new Promise((resolve) => {
            // A second close finds the server already closed, as intended.
            server.close(() => resolve());
            server.closeAllConnections();
          }),
      };
    },
  };
}

/** The part that Node and Bun share: `process` and `node:fs`. */
export function onProcess(): Omit<Runtime, "name" | "version" | "serve" | "startWorker"> {
  const fs = process.getBuiltinModule("node:fs");
  const env = (name: string) => process.env[name];
  const isWindows = process.platform === "win32";
  return {
    fs: createFileSystem(nodeCalls()),
    terminal: createTerminal({
      writeSync: (bytes) => fs.writeSync(1, bytes),
      readSync: (bytes) => fs.readSync(0, bytes),
      // Not process.stdin.isTTY: touching that stream would read ahead and keep the process alive.
      isTyped: () => process.getBuiltinModule("node:tty").isatty(0),
      isTerminal: () => process.stdout.isTTY === true,
      columns: () => process.stdout.columns || undefined,
      env,
    }),
    env,
    args: process.argv.slice(2),
    exit: (code) => process.exit(code),
    user: process.getuid?.(),
    cpuTime,
    processId: process.pid,
    isRunning,
    startOfProcess,
    startTimeOfProcess,
    mainModule() {
      const path = process.argv[1];
      return path === undefined ? undefined : toFileUrl(path).href;
    },
    workingDirectory: () => new URL(`${toFileUrl(process.cwd())}/`),
    cacheDir: () =>
      cacheDirOf({
        os: isWindows ? "windows" : process.platform === "darwin" ? "darwin" : "other",
        env,
      }),
    onInterrupt(listener) {
      // Windows ends a process on SIGTERM without notifying it.
      const signals = isWindows ? ["SIGINT"] as const : interruptSignals;
      const listeners = signals.map((signal) => [signal, () => listener(signal)] as const);
      for (const [signal, call] of listeners) process.on(signal, call);
      return () => {
        for (const [signal, call] of listeners) process.off(signal, call);
      };
    },
    runCommand: runNodeCommand,
    importModule: (specifier) => import(specifier),
  };
}
