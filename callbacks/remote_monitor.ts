import { Callback, type CallbackOptions } from "../core/callback.ts";
import type { Logs } from "../core/logs.ts";
import { fetchFailure } from "../runtime/fetch_failure.ts";
import { callbackOptions, checkOptions, flag, type OptionRule, record, text } from "./options.ts";
import { pythonFloat } from "./python_format.ts";

/** Options of {@linkcode RemoteMonitor}. */
export interface RemoteMonitorOptions extends CallbackOptions {
  /** URL of the server. Default: `"http://localhost:9000"`. */
  root?: string;
  /** Path appended to `root`. Default: `"/publish/epoch/end/"`. */
  path?: string;
  /** Form field with the JSON; not used with `sendAsJson`. Default: `"data"`. */
  field?: string;
  /** Additional HTTP headers. Default: none. */
  headers?: Record<string, string>;
  /** Whether to send the JSON as the body instead of in a form. Default: false. */
  sendAsJson?: boolean;
  /** Time limit in milliseconds of one request, and of `close` for all. Default: 5000. */
  timeout?: number;
}

/**
 * Send the logs of each epoch to a server with HTTP POST.
 *
 * Training does not wait: requests are sent one after another, in order, and `close` waits for the
 * last ones for at most `timeout`. An unreachable server, or a status of 400 and above, causes one
 * warning per run. The JSON has Python's format: `"epoch"` first, `1.0`, and in a form the bare
 * words `NaN` and `Infinity`; with `sendAsJson` an epoch with such a value is not sent.
 *
 * Source: `keras/src/callbacks/remote_monitor.py`.
 *
 * @example
 * ```ts
 * import { CallbackList, RemoteMonitor } from "keepfit";
 * import { getRuntime } from "keepfit/runtime";
 * import assert from "node:assert/strict";
 *
 * const bodies: string[] = [];
 * const server = await getRuntime().serve(async (request) => {
 *   bodies.push(await request.text());
 *   return new Response();
 * }, { hostname: "127.0.0.1", port: 0 });
 *
 * const list = new CallbackList([new RemoteMonitor({ root: server.url, path: "", sendAsJson: true })]);
 * await list.onEpochEnd(0, { loss: 0.5 });
 * await list.close();
 * assert.deepEqual(bodies, ['{"epoch": 0, "loss": 0.5}']);
 * await server.close();
 * ```
 */
export class RemoteMonitor extends Callback {
  /** Name in messages and saved states. */
  static override readonly className: string = "RemoteMonitor";

  /** URL to which the epochs are sent. */
  readonly url: string;
  #field: string;
  #headers: Record<string, string>;
  #sendAsJson: boolean;
  #timeout: number;
  #waiting = 0;
  #posts: Promise<void> = Promise.resolve();
  #abort = new AbortController();
  #warned = new Set<string>();

  /**
   * Send the logs of each epoch to a server.
   *
   * @param options URL, format and time limit
   * @throws TypeError for an option of the wrong type, or a `root` and `path` that do not form a
   * URL
   * @throws RangeError for a `timeout` that is not above 0
   */
  constructor(options: RemoteMonitorOptions = {}) {
    super(options);
    checkOptions(this, RemoteMonitor, options, {
      ...callbackOptions,
      root: text,
      path: { types: ["string"], expected: "a string" },
      field: text,
      headers: record,
      sendAsJson: flag,
      timeout: milliseconds,
    });
    this.url = (options.root ?? "http://localhost:9000") + (options.path ?? "/publish/epoch/end/");
    if (!URL.canParse(this.url) || !/^https?:$/.test(new URL(this.url).protocol)) {
      throw new TypeError(
        `Cannot create RemoteMonitor with root and path '${this.url}': ` +
          `they must form an http: or https: URL`,
      );
    }
    this.#field = options.field ?? "data";
    this.#sendAsJson = options.sendAsJson ?? false;
    this.#headers = {
      "content-type": this.#sendAsJson ? "application/json" : "application/x-www-form-urlencoded",
      ...Object.fromEntries(new Headers(options.headers)),
    };
    this.#timeout = options.timeout ?? 5000;
  }

  /** Allow each warning again. */
  override onTrainBegin(): void {
    this.#warned.clear();
  }

  /** Send the logs of the epoch. */
  override onEpochEnd(epoch: number, logs: Logs): void {
    const entries = Object.entries({ epoch, ...logs });
    const odd = entries.find(([, value]) => [value].flat(Infinity).some(isNotFinite));
    if (this.#sendAsJson && odd !== undefined) {
      this.#warn(
        "value",
        `epoch ${epoch} is not sent: ${odd[0]} is ${
          pythonValue(odd[1])
        }, which JSON cannot represent`,
      );
      return;
    }
    const json = pythonJson(entries, Object.hasOwn(logs, "epoch") ? [] : ["epoch"]);
    const body = this.#sendAsJson ? json : String(new URLSearchParams({ [this.#field]: json }));
    this.#waiting++;
    this.#posts = this.#posts.then(() => this.#post(body)).finally(() => this.#waiting--);
  }

  /** Wait until everything is sent, for at most `timeout`, then discard the rest. */
  override async close(): Promise<void> {
    if (this.#waiting === 0) return;
    const timer = setTimeout(() => {
      this.#warn("left", `${this.#waiting} epochs could not be sent within ${this.#timeout} ms`);
      this.#abort.abort();
    }, this.#timeout);
    await this.#posts;
    clearTimeout(timer);
    this.#abort = new AbortController();
  }

  async #post(body: string): Promise<void> {
    if (this.#abort.signal.aborted) return;
    const request = new AbortController();
    const timer = setTimeout(() => request.abort(), this.#timeout);
    try {
      const response = await fetch(this.url, {
        method: "POST",
        headers: this.#headers,
        body,
        signal: AbortSignal.any([request.signal, this.#abort.signal]),
      });
      await response.body?.cancel();
      if (response.status >= 400) {
        this.#warn("status", `the server at ${this.url} answered ${response.status}`);
      }
    } catch (error) {
      if (this.#abort.signal.aborted) return;
      const reason = request.signal.aborted
        ? `no answer in ${this.#timeout} ms`
        : fetchFailure(error);
      this.#warn("unreachable", `could not reach the server at ${this.url}: ${reason}`);
    } finally {
      clearTimeout(timer);
    }
  }

  #warn(kind: string, message: string): void {
    if (this.#warned.has(kind)) return;
    this.#warned.add(kind);
    console.warn(`keepfit: RemoteMonitor: ${message}; training continues`);
  }
}

const milliseconds: OptionRule = {
  types: ["number"],
  expected: "> 0 milliseconds",
  isValid: (value: number) => value > 0 && value < 2 ** 31,
};

function isNotFinite(value: unknown): boolean {
  return typeof value === "number" && !Number.isFinite(value);
}

const words: Record<string, string> = { nan: "NaN", inf: "Infinity", "-inf": "-Infinity" };

/** An object of numbers as Python's json module formats it. */
function pythonJson(entries: [string, unknown][], integers: readonly string[]): string {
  const members = entries.map(([name, value]) =>
    `${JSON.stringify(name)}: ${integers.includes(name) ? String(value) : pythonValue(value)}`
  );
  return `{${members.join(", ")}}`.replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function pythonValue(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(pythonValue).join(", ")}]`;
  if (typeof value !== "number") return JSON.stringify(value) ?? "null";
  const text = pythonFloat(value);
  return words[text] ?? text;
}
