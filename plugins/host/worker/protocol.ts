/** Messages between the two sides of a plugin's thread. */

/** An error received from the other side. */
export interface PlainError {
  name: string;
  message: string;
  stack?: string;
  code?: string;
}

/** Contents of the thread's context. */
export interface ThreadContext {
  id: string;
  version: string;
  /** Names of the functions in the host's context. */
  functions: string[];
  /** Environment variables that the plugin may read. */
  env: Record<string, string>;
}

/** Requests of the host to a thread. */
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
    /** Current learning rate. */
    learningRate: number | undefined;
  };

/** Messages of the host. */
export type HostMessage =
  | { kind: "ping"; nonce: number }
  | HostRequest & { id: number }
  | { kind: "answer"; id: number; value?: unknown; error?: Pick<PlainError, "message" | "code"> };

/** The thread's answer to a call, or to loading its module. */
export interface ThreadResult {
  value?: unknown;
  /** Only for hooks of a plugin that may add logs. */
  logs?: Record<string, number>;
  members?: string[];
  failed?: "E_EXPORT" | "E_FACTORY" | "E_MODULE";
  /** What is in place of the export. */
  found?: string;
  /** Type of what the factory returned in place of an object. */
  returned?: string;
  error?: PlainError;
}

/** Messages of the thread. */
export type ThreadMessage =
  | { kind: "ready" }
  | { kind: "pong"; nonce: number }
  | { kind: "crash"; error: PlainError }
  | { kind: "result"; id: number } & ThreadResult
  | { kind: "ask"; id: number; name: string; args: unknown[] }
  | { kind: "tell"; name: ToldName; args: unknown[] };

/** Functions of the context that return nothing, so that no caller waits for them. */
export const toldNames = ["log", "setLearningRate", "stop"] as const;

/** One of {@linkcode toldNames}. */
export type ToldName = typeof toldNames[number];

/** Maximum length of a text in an error, and of a name. */
export const maxErrorText = 10_000;
