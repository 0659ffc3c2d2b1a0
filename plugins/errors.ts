import { causeOf, setDetails } from "../core/errors.ts";
import { printable } from "../core/printable.ts";

/** What can go wrong with a plugin, as codes that a program may test for. Sorted. */
export type PluginErrorCode =
  /** `keepfit.json` cannot be used. */
  | "E_CONFIG"
  /** What the plugin runs in has ended, by an error or by itself. */
  | "E_CRASH"
  /** This keepfit, or a peer, is not of a version that the plugin works with. */
  | "E_ENGINE"
  /** The module lacks the export, or what the factory made is not the callback that was declared. */
  | "E_EXPORT"
  /** The factory threw. */
  | "E_FACTORY"
  /** The server was not reached or gave no file; a redirect that is not followed. */
  | "E_HTTP"
  /** An import that a plugin may not have. */
  | "E_IMPORT"
  /** The bytes are not those that were promised, or nothing promises them. */
  | "E_INTEGRITY"
  /** More files or bytes than allowed. */
  | "E_LIMIT"
  /** The lock file cannot be used, or is frozen and does not have what is asked for. */
  | "E_LOCK"
  /** The manifest cannot be used. */
  | "E_MANIFEST"
  /** A module cannot be parsed, or threw while it was evaluated. */
  | "E_MODULE"
  /** What is wanted lies on a network, which may not be used. */
  | "E_OFFLINE"
  /** The options do not fit the manifest's schema. */
  | "E_OPTIONS"
  /** The plugin declares something that it was not granted, or does something it did not declare. */
  | "E_PERMISSION"
  /** No registry or package has such a plugin, or no version of it fits. */
  | "E_REGISTRY"
  /** The plugin does not run on this runtime. */
  | "E_RUNTIME"
  /** The plugin does not run in a sandbox, or did what ended it there. */
  | "E_SANDBOX"
  /** A signature does not hold, or none is of a key that is wanted. */
  | "E_SIGNATURE"
  /** The plugin, or what it asked for, took longer than it may. */
  | "E_TIMEOUT"
  /** The plugin would be trusted further, or on weaker grounds, than the lock file says. */
  | "E_TRUST";

/** What is known about a failure beside its code. */
export interface PluginErrorContext {
  /** The manifest, file or module it is about. */
  url?: string;
  /** What was wanted: an integrity value, a version range. */
  expected?: string;
  /** What was found instead. */
  actual?: string;
  /** What a person can do about it. */
  hint?: string;
  /** The error behind it, untouched. */
  cause?: unknown;
}

/**
 * A plugin cannot be loaded, or did something that it may not do. The same on every runtime. The
 * message says what was expected, what was found and what to do; the fields have it for programs.
 *
 * @example
 * ```ts
 * import { loadPlugin, PluginError } from "keepfit/plugins";
 * import assert from "node:assert/strict";
 *
 * try {
 *   await loadPlugin("file:///no/such/callback.plugin.json");
 *   assert.fail("unreachable");
 * } catch (error) {
 *   assert(error instanceof PluginError);
 *   assert.equal(error.code, "E_HTTP");
 *   assert.equal(error.url, "file:///no/such/callback.plugin.json");
 * }
 * ```
 */
export class PluginError extends Error {
  /** `"PluginError"`. */
  override name = "PluginError";
  /** What went wrong, from a fixed list. */
  readonly code: PluginErrorCode;
  // Declared, not defined: a field without a value would be printed as undefined.
  /** The manifest, file or module it is about. */
  declare readonly url: string | undefined;
  /** What was wanted. */
  declare readonly expected: string | undefined;
  /** What was found instead. */
  declare readonly actual: string | undefined;
  /** What a person can do about it. */
  declare readonly hint: string | undefined;

  /**
   * Create an error with a message of several lines.
   *
   * @param code what went wrong
   * @param message a sentence for a person; expected, actual and hint are put below it
   * @param context what else is known, and the error behind it
   */
  constructor(code: PluginErrorCode, message: string, context: PluginErrorContext = {}) {
    const { cause, ...details } = context;
    const lines = [message];
    if (context.expected !== undefined) lines.push(`  expected: ${context.expected}`);
    if (context.actual !== undefined) lines.push(`  actual:   ${context.actual}`);
    if (context.hint !== undefined) lines.push(`  hint:     ${context.hint}`);
    // Much of it is what servers and manifests say.
    super(printable(lines.join("\n")), causeOf(cause));
    this.code = code;
    setDetails(this, details);
  }
}
