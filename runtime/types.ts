/** A path, relative to the working directory or absolute, or a `file:` URL. */
export type Path = string | URL;

/** Code of a {@linkcode FileSystemError}, the same on every runtime. Sorted. */
export type FileSystemErrorCode =
  | "AlreadyExists"
  | "InvalidPath"
  | "IsADirectory"
  | "NoSpace"
  | "NotADirectory"
  | "NotEmpty"
  | "NotFound"
  | "Other"
  | "PermissionDenied";

/** Result of {@linkcode FileSystem.stat}. */
export interface FileInfo {
  /** Whether it is a file. */
  isFile: boolean;
  /** Whether it is a directory. */
  isDirectory: boolean;
  /** Whether it is a symbolic link; `stat` follows links. */
  isSymlink: boolean;
  /** Size in bytes. */
  size: number;
  /** Time of the last change in milliseconds since 1970; null on systems without it. */
  modified: number | null;
  /** Id of the owner; missing or null if the system has none. */
  owner?: number | null;
  /** Number of hard links; undefined if the system does not report it. */
  links?: number;
}

/** An entry of a directory. */
export interface DirectoryEntry {
  /** Name without the directory. */
  name: string;
  /** Whether it is a file. */
  isFile: boolean;
  /** Whether it is a directory. */
  isDirectory: boolean;
  /** Whether it is a symbolic link. */
  isSymlink: boolean;
}

/** How {@linkcode FileSystem.open} opens a file. */
export type OpenMode = "append" | "create" | "createPrivate" | "truncate";

/** An open file, written from its start or its end. */
export interface WritableFile {
  /** Append all of `data`. */
  write(data: Uint8Array | string): Promise<void>;
  /**
   * Append all of a short text before the call returns, if that is possible without waiting: not to
   * a pipe, nor while an earlier call is pending. A file system may leave it out.
   *
   * @returns false if nothing was written: call {@linkcode write} instead
   * @throws FileSystemError if it fails; a part may be in the file
   */
  writeNow?(data: Uint8Array): boolean;
  /** Flush to disk. */
  sync(): Promise<void>;
  /** Close the file; may be called again. */
  close(): Promise<void>;
}

/**
 * A small file system interface. Every method rejects with a `FileSystemError`, which has a
 * {@linkcode FileSystemErrorCode} and names the path. Besides those of the runtimes, there is one
 * in memory.
 */
export interface FileSystem {
  /** Read the bytes of a file. */
  readFile(path: Path): Promise<Uint8Array>;
  /** Read a file as UTF-8. */
  readTextFile(path: Path): Promise<string>;
  /**
   * Write a whole file atomically: beside the target, synced to disk, then renamed over `path`. A
   * reader sees the old file or the new one, even if the process is killed. `data` may be in parts,
   * which are written in turn without being joined.
   */
  writeFile(
    path: Path,
    data: Uint8Array | string | Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  ): Promise<void>;
  /**
   * Open for writing. `"truncate"` empties the file first, `"append"` continues at its end; both
   * create a missing file. `"create"` rejects with `AlreadyExists` for an existing one, so that
   * only one of several processes creates it. `"createPrivate"` also makes the file readable and
   * writable only by its owner.
   */
  open(path: Path, mode: OpenMode): Promise<WritableFile>;
  /**
   * Get information about a path, following links; rejects with `NotFound` if it does not exist.
   */
  stat(path: Path): Promise<FileInfo>;
  /** List the entries of a directory, sorted by name. */
  readDir(path: Path): Promise<DirectoryEntry[]>;
  /** Create a directory and its parents, unless they exist. */
  makeDir(path: Path): Promise<void>;
  /**
   * Rename a file, replacing an existing one atomically, or a directory, which rejects if the
   * target is not empty.
   */
  rename(from: Path, to: Path): Promise<void>;
  /**
   * Remove a file, an empty directory or, with `recursive`, a directory and its content. Does
   * nothing if `path` does not exist.
   */
  remove(path: Path, options?: { recursive?: boolean }): Promise<void>;
  /**
   * Lock a file, which is created if missing, until it is released or the process has ended. Rejects
   * on disks without locks; absent on runtimes without them, which are Node and Bun.
   *
   * @returns a function that releases it; undefined if it is locked already
   */
  lock?(path: Path): Promise<(() => void) | undefined>;
}

/** The terminal of a run. */
export interface Terminal {
  /** Write text to standard output. */
  write(text: string): void;
  /** Ask a question and wait for a line; returns undefined without an interactive terminal. */
  ask?(question: string): string | undefined;
  /** Whether lines can be redrawn: a real terminal rather than a pipe or a file. */
  readonly isInteractive: boolean;
  /** Whether to print colors: a real terminal without `NO_COLOR`. */
  readonly hasColors: boolean;
  /** Width in characters; undefined when unknown. */
  readonly columns: number | undefined;
}

/** A listening server. */
export interface HttpServer {
  /** Base URL, with a trailing slash: `http://127.0.0.1:8000/`. */
  readonly url: string;
  /** Stop listening and drop open connections. */
  close(): Promise<void>;
}

/** A thread. */
export interface WorkerThread {
  /** Send plain data. Messages to a thread that has ended are dropped. */
  post(message: unknown): void;
  /** Terminate the thread immediately; may be called again. */
  terminate(): Promise<void>;
}

/** Listeners and limits of a thread. */
export interface WorkerOptions {
  /** Receives each message of the thread. */
  onMessage(message: unknown): void;
  /** Called once when the thread has ended, with or without an error; not after `terminate`. */
  onEnd(reason: string): void;
  /** Heap limit in bytes; Node only. */
  memory?: number;
}

/** Options of {@linkcode Runtime.runCommand}. */
export interface CommandOptions {
  /** Time limit in milliseconds. */
  timeout: number;
  /** Number of bytes kept of each output; the rest is dropped. */
  maxBytes: number;
  /** Kills the command when it aborts. */
  signal?: AbortSignal;
}

/** Result of {@linkcode Runtime.runCommand}. */
export interface CommandResult {
  /** Exit code; for a signal 128 plus its number, as in a shell. */
  code: number;
  /** Standard output as UTF-8. */
  stdout: string;
  /** Standard error as UTF-8. */
  stderr: string;
}

/** Everything that differs between Deno, Bun and Node. */
export interface Runtime {
  /** Name of the runtime. */
  readonly name: "deno" | "bun" | "node";
  /** Version of the runtime. */
  readonly version: string;
  /** File system. */
  readonly fs: FileSystem;
  /** Terminal. */
  readonly terminal: Terminal;
  /** Value of an environment variable; undefined if it is not set or may not be read. */
  env(name: string): string | undefined;
  /** Arguments of the script. */
  readonly args: string[];
  /** Exit the process with this code. */
  exit(code: number): never;
  /** Id of the user of the process; undefined if unknown. */
  readonly user: number | undefined;
  /** CPU time of the process in milliseconds, over all threads. */
  cpuTime(): number;
  /** Id of the process. */
  readonly processId: number;
  /** Whether a process of this machine is running; undefined if unknown. */
  isRunning(processId: number): boolean | undefined;
  /**
   * Start time of a running process, as a string that differs from that of any other process with
   * the same id; undefined if unknown.
   */
  startOfProcess(processId: number): string | undefined;
  /**
   * Time at which a running process began, in milliseconds since 1970, to the second; undefined if
   * unknown. It asks a program of the system, which may take a second.
   */
  startTimeOfProcess(processId: number): number | undefined;
  /** URL of the main module; undefined if there is none. */
  mainModule(): string | undefined;
  /**
   * Working directory as a `file:` URL with a trailing slash; undefined when it may not be read.
   */
  workingDirectory(): URL | undefined;
  /** Cache directory of this user, without a trailing slash; undefined when unknown. */
  cacheDir(): string | undefined;
  /**
   * Call `listener` when the process is asked to stop: Ctrl-C, a termination signal, or a terminal
   * that was closed.
   * @returns a function that removes the listener
   */
  onInterrupt(listener: (signal: "SIGINT" | "SIGTERM" | "SIGHUP") => void): () => void;
  /** Serve HTTP with a fetch handler. `port` 0 chooses a free one. */
  serve(
    handler: (request: Request) => Response | Promise<Response>,
    options: { hostname: string; port: number },
  ): Promise<HttpServer>;
  /**
   * Run a program without a shell and without input, and wait for its end. Its child processes are
   * not tracked.
   *
   * @throws Error if it cannot be started; it says what to do
   * @throws DOMException `TimeoutError` when it took longer than `timeout` and was killed
   * @throws the reason of `signal`, when that aborted and the program was killed
   */
  runCommand(
    command: string,
    args: readonly string[],
    options: CommandOptions,
  ): Promise<CommandResult>;
  /** Import a module by a specifier computed at run time. */
  importModule(specifier: string): Promise<unknown>;
  /**
   * Start a thread with a module, without environment variables. It does not keep the process alive.
   */
  startWorker(specifier: string, options: WorkerOptions): WorkerThread;
}
