import { causeOf, setDetails } from "../core/errors.ts";
import { printable } from "../core/printable.ts";

/** Codes of plugin errors. Sorted. */
export type PluginErrorCode =
  /** `keepfit.json` cannot be used. */
  | "E_CONFIG"
  /** The sandbox or worker of the plugin has ended. */
  | "E_CRASH"
  /** This keepfit, or a peer, has a version that the plugin does not support. */
  | "E_ENGINE"
  /** The module lacks the export, or the factory did not return the declared callback. */
  | "E_EXPORT"
  /** The factory threw. */
  | "E_FACTORY"
  /** The server could not be reached, did not return a file, or sent a forbidden redirect. */
  | "E_HTTP"
  /** A forbidden import. */
  | "E_IMPORT"
  /** The bytes do not match their integrity, or no integrity is known. */
  | "E_INTEGRITY"
  /** More files or bytes than allowed. */
  | "E_LIMIT"
  /** The lock file cannot be used, or is frozen and lacks the entry. */
  | "E_LOCK"
  /** The manifest cannot be used. */
  | "E_MANIFEST"
  /** A module cannot be parsed, or threw on evaluation. */
  | "E_MODULE"
  /** A network is required but disabled. */
  | "E_OFFLINE"
  /** The options do not match the manifest's schema. */
  | "E_OPTIONS"
  /** The plugin declares an ungranted permission, or did something undeclared. */
  | "E_PERMISSION"
  /** No registry or package has the plugin, or a matching version. */
  | "E_REGISTRY"
  /** The plugin does not support this runtime. */
  | "E_RUNTIME"
  /** The plugin does not support the sandbox, or did something that ended it there. */
  | "E_SANDBOX"
  /** A signature is invalid, or none is by a trusted key. */
  | "E_SIGNATURE"
  /** The plugin, or a request of it, exceeded its time limit. */
  | "E_TIMEOUT"
  /** The plugin needs more trust, or is less well verified, than the lock file records. */
  | "E_TRUST";

/** Context of a plugin error. */
export interface PluginErrorContext {
  /** URL of the manifest, file or module. */
  url?: string;
  /** Expected value: an integrity value, a version range. */
  expected?: string;
  /** Actual value. */
  actual?: string;
  /** What to do about it. */
  hint?: string;
  /** The original error. */
  cause?: unknown;
}

/**
 * A plugin cannot be loaded, or did something that it may not do. Errors are the same on every
 * runtime. The message contains the expected and actual values and a remedy; the fields contain
 * them for programs.
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
  /** Error code. */
  readonly code: PluginErrorCode;
  // Declared, not defined, because a field without a value would be printed as undefined.
  /** URL of the manifest, file or module. */
  declare readonly url: string | undefined;
  /** Expected value. */
  declare readonly expected: string | undefined;
  /** Actual value. */
  declare readonly actual: string | undefined;
  /** What to do about it. */
  declare readonly hint: string | undefined;

  /**
   * Create an error with a message of several lines.
   *
   * @param code error code
   * @param message a sentence; expected, actual and hint are added below
   * @param context values for the message, and the cause
   */
  constructor(code: PluginErrorCode, message: string, context: PluginErrorContext = {}) {
    const { cause, ...details } = context;
    const lines = [message];
    if (context.expected !== undefined) lines.push(`  expected: ${context.expected}`);
    if (context.actual !== undefined) lines.push(`  actual:   ${context.actual}`);
    if (context.hint !== undefined) lines.push(`  hint:     ${context.hint}`);
    // Most of the text comes from servers and manifests.
    super(printable(lines.join("\n")), causeOf(cause));
    this.code = code;
    setDetails(this, details);
  }
}
