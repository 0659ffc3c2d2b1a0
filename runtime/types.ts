/** A place in the file system: a path, relative to the working directory or absolute, or a `file:` URL. */
export type Path = string | URL;

/** Why a file operation failed, the same words on every runtime. Sorted. */
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
  /** True for a file. */
  isFile: boolean;
  /** True for a directory. */
  isDirectory: boolean;
  /** True for a symbolic link; `stat` follows links. */
  isSymlink: boolean;
  /** Size in bytes. */
  size: number;
  /** Time of the last change in milliseconds since 1970; null where the system has none. */
  modified: number | null;
}

/** An entry of a directory. */
export interface DirectoryEntry {
  /** Name without the directory. */
  name: string;
  /** True for a file. */
  isFile: boolean;
  /** True for a directory. */
  isDirectory: boolean;
  /** True for a symbolic link. */
  isSymlink: boolean;
}

/** An open file that is written from its start or its end. */
export interface WritableFile {
  /** Write all of `data` behind what was written before. */
  write(data: Uint8Array | string): Promise<void>;
  /** Wait until what was written is on the disk. */
  sync(): Promise<void>;
  /** Close; may be called again. */
  close(): Promise<void>;
}

/**
 * The few verbs by which files are reached. Every method rejects with a `FileSystemError` that has
 * a {@linkcode FileSystemErrorCode} and names the path. `memory` is one of them, as real as the
 * others.
 */
export interface FileSystem {
  /** Read the bytes of a file. */
  readFile(path: Path): Promise<Uint8Array>;
  /** Read a file as UTF-8. */
  readTextFile(path: Path): Promise<string>;
  /**
   * Put a whole file in place at once: written beside, synced to the disk, renamed over `path`.
   * A reader sees the old file or the new one, also when the process is killed. `data` may come in
   * parts, which are written one after another without being joined.
   */
  writeFile(
    path: Path,
    data: Uint8Array | string | Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  ): Promise<void>;
  /**
   * Open for writing: `"truncate"` empties the file first, `"append"` goes on at its end, both make
   * it when it is missing; `"create"` rejects with `AlreadyExists` when something is there, so that
   * of several processes one has made it.
   */
  open(path: Path, mode: "append" | "create" | "truncate"): Promise<WritableFile>;
  /** What is there, links followed; rejects with `NotFound` when nothing is. */
  stat(path: Path): Promise<FileInfo>;
  /** The entries of a directory, by name. */
  readDir(path: Path): Promise<DirectoryEntry[]>;
  /** Make a directory and its missing parents; fine when it is there. */
  makeDir(path: Path): Promise<void>;
  /** Move a file over another one, or a directory to a new name, at once. */
  rename(from: Path, to: Path): Promise<void>;
  /** Remove a file, an empty directory or, with `recursive`, a whole one; fine when nothing is there. */
  remove(path: Path, options?: { recursive?: boolean }): Promise<void>;
}

/** The terminal of a run. */
export interface Terminal {
  /** Write text to standard output. */
  write(text: string): void;
  /** Ask a question and wait for a line; undefined without a person to answer. */
  ask?(question: string): string | undefined;
  /** True when lines can be drawn over: a real terminal, not a pipe or a file. */
  readonly isInteractive: boolean;
  /** True when colors are wanted: a real terminal without `NO_COLOR`. */
  readonly hasColors: boolean;
  /** Present width in characters; undefined when unknown. */
  readonly columns: number | undefined;
}

/** A server that listens. */
export interface HttpServer {
  /** Where it listens, with a slash at the end: `http://127.0.0.1:8000/`. */
  readonly url: string;
  /** Stop listening and drop what is open. */
  close(): Promise<void>;
}

/** A thread of its own. */
export interface WorkerThread {
  /** Send plain data. What is sent after its end is lost. */
  post(message: unknown): void;
  /** End it now, whatever it is doing; may be called again. */
  terminate(): Promise<void>;
}

/** Listeners and limits of a thread. */
export interface WorkerOptions {
  /** Called with each message of the thread. */
  onMessage(message: unknown): void;
  /** Called once when the thread has ended, by an error or normally; not after `terminate`. */
  onEnd(reason: string): void;
  /** Limit of its heap in bytes; Node only. */
  memory?: number;
}

/** How {@linkcode Runtime.runCommand} runs a command. */
export interface CommandOptions {
  /** Milliseconds that it may take. */
  timeout: number;
  /** Bytes kept of each output; the rest is dropped. */
  maxBytes: number;
  /** Ends it when it aborts. */
  signal?: AbortSignal;
}

/** How a command ended. */
export interface CommandResult {
  /** Exit code; 128 plus the signal's number when a signal ended it, as in a shell. */
  code: number;
  /** Standard output as UTF-8. */
  stdout: string;
  /** Standard error as UTF-8. */
  stderr: string;
}

/** The machine a run lives on: everything that differs between Deno, Bun and Node. */
export interface Runtime {
  /** Name of the runtime. */
  readonly name: "deno" | "bun" | "node";
  /** Version of the runtime. */
  readonly version: string;
  /** Its file system. */
  readonly fs: FileSystem;
  /** Its terminal. */
  readonly terminal: Terminal;
  /** An environment variable; undefined when it is not set or may not be read. */
  env(name: string): string | undefined;
  /** Arguments of the script. */
  readonly args: string[];
  /** End the process with this code. */
  exit(code: number): never;
  /** URL of the module that the process began with; undefined when there is none. */
  mainModule(): string | undefined;
  /** The working directory, as a `file:` URL with a slash at its end; undefined when it may not be read. */
  workingDirectory(): URL | undefined;
  /** Where caches of this user belong, with no slash at the end; undefined when it cannot be told. */
  cacheDir(): string | undefined;
  /**
   * Call `listener` when the user asks to stop (Ctrl-C, or a polite kill).
   * @returns a function that takes the listener off
   */
  onInterrupt(listener: (signal: "SIGINT" | "SIGTERM") => void): () => void;
  /** Serve HTTP with a fetch handler. `port` 0 takes a free one. */
  serve(
    handler: (request: Request) => Response | Promise<Response>,
    options: { hostname: string; port: number },
  ): Promise<HttpServer>;
  /**
   * Run a program to its end, without a shell and with nothing to read. What it starts itself is not
   * looked after.
   *
   * @throws Error when it cannot be started, with what to do about it
   * @throws DOMException `TimeoutError` when it took longer than `timeout` and was killed
   * @throws what `signal` aborted with; then it was killed too
   */
  runCommand(
    command: string,
    args: readonly string[],
    options: CommandOptions,
  ): Promise<CommandResult>;
  /** Import a module by a specifier that is only known now. */
  importModule(specifier: string): Promise<unknown>;
  /**
   * Start a thread with a module, without environment variables where the runtime can. It does not
   * keep the process alive on Node and Bun.
   */
  startWorker(specifier: string, options: WorkerOptions): WorkerThread;
}
