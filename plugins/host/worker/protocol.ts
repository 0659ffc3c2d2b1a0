/** What the two sides of a plugin's thread send each other. */

/** An error that has come from the other side. */
export interface PlainError {
  name: string;
  message: string;
  stack?: string;
  code?: string;
}

/** What the thread's context is made of. */
export interface ThreadContext {
  id: string;
  version: string;
  /** Names of the functions that the host's context has. */
  functions: string[];
  /** Environment variables that the plugin may read. */
  env: Record<string, string>;
}

/** What the host asks of a thread. */
export type HostRequest =
  | {
    kind: "load";
    /** URL of the plugin's entry module. */
    specifier: string;
    /** Name of the export. */
    name: string;
    options: unknown;
    /** Whether the plugin may add logs. */
    adds: boolean;
    context: ThreadContext;
  }
  | {
    kind: "call";
    member: string;
    args: unknown[];
    /** The present one. */
    learningRate: number | undefined;
  };

/** What the host sends. */
export type HostMessage =
  | { kind: "ping"; nonce: number }
  | HostRequest & { id: number }
  | { kind: "answer"; id: number; value?: unknown; error?: Pick<PlainError, "message" | "code"> };

/** What the thread says of a call, or of the loading of its module. */
export interface ThreadResult {
  value?: unknown;
  /** Of a hook of a plugin that may add logs. */
  logs?: Record<string, number>;
  members?: string[];
  failed?: "E_EXPORT" | "E_FACTORY" | "E_MODULE";
  found?: string;
  error?: PlainError;
}

/** What the thread sends. */
export type ThreadMessage =
  | { kind: "ready" }
  | { kind: "pong"; nonce: number }
  | { kind: "crash"; error: PlainError }
  | { kind: "result"; id: number } & ThreadResult
  | { kind: "ask"; id: number; name: string; args: unknown[] }
  | { kind: "tell"; name: ToldName; args: unknown[] };

/** Functions of the context that nobody waits for, because they give nothing back. */
export const toldNames = ["log", "setLearningRate", "stop"] as const;

/** One of {@linkcode toldNames}. */
export type ToldName = typeof toldNames[number];

/** Most characters of a text that an error has, and of a name. */
export const maxErrorText = 10_000;
