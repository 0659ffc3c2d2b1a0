import { cacheDirOf } from "./cache_dir.ts";
import { cpuTime } from "./cpu_time.ts";
import { denoCalls } from "./deno_calls.ts";
import { runDenoCommand } from "./deno_command.ts";
import { createFileSystem } from "./file_system.ts";
import { interruptSignals } from "./interrupt_signals.ts";
import { isRunning, startOfProcess, startTimeOfProcess } from "./is_running.ts";
import { toFileUrl } from "./paths.ts";
import { answering, checkAddress, serverUrl, toServeError } from "./serve.ts";
import { createTerminal } from "./terminal.ts";
import type { Runtime } from "./types.ts";
import { startNodeWorker } from "./worker.ts";

/**
 * The adapter for Deno. Creating it needs no permission, and reading a variable never prompts for
 * one.
 */
export function denoRuntime(): Runtime {
  const isWindows = Deno.build.os === "windows";
  return {
    name: "deno",
    version: Deno.version.deno,
    fs: createFileSystem(denoCalls()),
    terminal: createTerminal({
      writeSync: (bytes) => Deno.stdout.writeSync(bytes),
      readSync: (bytes) => Deno.stdin.readSync(bytes),
      isTyped: () => Deno.stdin.isTerminal(),
      isTerminal: () => Deno.stdout.isTerminal(),
      columns: () => Deno.stdout.isTerminal() ? Deno.consoleSize().columns || undefined : undefined,
      // Deno allows this variable without a permission.
      env: (name) => name === "NO_COLOR" ? (Deno.noColor ? "1" : undefined) : env(name),
    }),
    env,
    args: [...Deno.args],
    exit: (code) => Deno.exit(code),
    // Only if Deno would not prompt for it.
    get user() {
      const { state } = Deno.permissions.querySync({ name: "sys", kind: "uid" });
      return state === "granted" ? Deno.uid() ?? undefined : undefined;
    },
    cpuTime,
    processId: Deno.pid,
    isRunning(processId) {
      const { state } = Deno.permissions.querySync({ name: "run" });
      return state === "granted" ? isRunning(processId) : undefined;
    },
    startOfProcess(processId) {
      const { state } = Deno.permissions.querySync({ name: "read", path: `/proc/${processId}` });
      return state === "granted" ? startOfProcess(processId) : undefined;
    },
    startTimeOfProcess(processId) {
      const { state } = Deno.permissions.querySync({ name: "run" });
      return state === "granted" ? startTimeOfProcess(processId) : undefined;
    },
    // Needs no permission, unlike in early versions of Deno 2.
    mainModule: () => Deno.mainModule,
    workingDirectory() {
      const { state } = Deno.permissions.querySync({ name: "read", path: "." });
      return state === "granted" ? new URL(`${toFileUrl(Deno.cwd())}/`) : undefined;
    },
    cacheDir: () =>
      cacheDirOf({
        os: isWindows ? "windows" : Deno.build.os === "darwin" ? "darwin" : "other",
        env,
      }),
    onInterrupt(listener) {
      const signals = isWindows ? ["SIGINT"] as const : interruptSignals;
      const listeners = signals.map((signal) => [signal, () => listener(signal)] as const);
      for (const [signal, call] of listeners) Deno.addSignalListener(signal, call);
      return () => {
        for (const [signal, call] of listeners) Deno.removeSignalListener(signal, call);
      };
    },
    async serve(handler, { hostname, port }) {
      checkAddress(hostname, port);
      const closing = new AbortController();
      let server: Deno.HttpServer<Deno.NetAddr>;
      try {
        server = Deno.serve(
          { hostname, port, signal: closing.signal, onListen() {} },
          answering(handler),
        );
      } catch (error) {
        throw toServeError(error, hostname, port);
      }
      return {
        url: serverUrl(hostname, server.addr.port),
        close: async () => {
          // Unlike shutdown(), this does not wait for endless streams.
          closing.abort();
          await server.finished;
        },
      };
    },
    runCommand: runDenoCommand,
    importModule: (specifier) => import(specifier),
    startWorker: startNodeWorker,
  };
}

function env(name: string): string | undefined {
  const { state } = Deno.permissions.querySync({ name: "env", variable: name });
  return state === "granted" ? Deno.env.get(name) : undefined;
}
