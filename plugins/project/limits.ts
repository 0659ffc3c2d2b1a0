/** Limits on what a plugin may use. */
export interface PluginLimits {
  /**
   * Milliseconds until a promise of a hook, of the factory, `getState`, `setState` or `close` must
   * settle; also the limit of a request and a command. Default: 30 000.
   */
  hookTime?: number;
  /** Milliseconds that one call may compute; sandboxed and in a worker. Default: 1000. */
  callTime?: number;
  /**
   * Milliseconds that all its calls together may compute, in addition to a quarter of the elapsed
   * time; sandboxed. Default: 30 times `callTime`.
   */
  runTime?: number;
  /** Bytes of memory that its code may hold; sandboxed. Default: 64 MiB. */
  memory?: number;
  /** Lines that it may log per minute; the rest is dropped, with one notice. Default: 60. */
  logLines?: number;
  /** Bytes of a response, of a file that is read, or of a write. Default: 16 MiB. */
  bytes?: number;
}

const defaults: Required<PluginLimits> = {
  hookTime: 30_000,
  callTime: 1000,
  runTime: 30_000,
  memory: 64 * 1024 * 1024,
  logLines: 60,
  bytes: 16 * 1024 * 1024,
};

/**
 * Fill in the default limits.
 *
 * @throws RangeError for a limit that is not a number above 0
 */
export function limitsOf(overrides: PluginLimits = {}): Required<PluginLimits> {
  const { callTime = defaults.callTime } = overrides;
  const limits = { ...defaults, runTime: 30 * callTime, ...overrides };
  for (const [name, value] of Object.entries(limits)) {
    if (!Object.hasOwn(defaults, name)) {
      throw new RangeError(
        `Cannot limit ${name}: the limits are ${Object.keys(defaults).join(", ")}`,
      );
    }
    if (!(value > 0)) {
      throw new RangeError(`Cannot limit ${name} to ${value}: expected a number above 0`);
    }
  }
  return limits;
}
