/** Replays Keras's scenarios with our callbacks. */
import * as tf from "@tensorflow/tfjs";
import * as keepfit from "keepfit";
import {
  type FileSystem,
  getRuntime,
  type HttpServer,
  loadWeights,
  memoryFileSystem,
  walk,
} from "keepfit/runtime";
import {
  camelCase,
  isSameError,
  type Made,
  type Scenario,
  type Schedule,
  scheduleOf,
  type Seen,
  textOf,
} from "./traces.ts";

/** Classes by name: the public exports, or replacements of a test. */
export type Catalogue = Record<string, unknown>;

/** Values of Keras's callbacks and ours that differ after `step` of a scenario. */
export interface Mismatch {
  step: number;
  /** A state or an event. */
  field: string;
  keras: unknown;
  ours: unknown;
}

/** Folder of the files, which is a temporary folder in Keras's scenarios. */
const folder = "files";
const fields = {
  best: "best",
  wait: "wait",
  stopped_epoch: "stoppedEpoch",
  best_epoch: "bestEpoch",
  cooldown_counter: "cooldownCounter",
  epoch: "epoch",
  history: "history",
  mode: "mode",
} as const;
const events = ["error", "printed", "warned", "logs", "files", "calls", "requests"] as const;

/**
 * Run the steps of a scenario, and compare the observed values with Keras's after each step.
 *
 * @param scenario from a trace
 * @param options options of our callbacks in addition to Keras's
 * @param catalogue classes of the callbacks
 */
export async function replay(
  scenario: Scenario,
  options: Record<string, unknown> = {},
  catalogue: Catalogue = keepfit,
): Promise<Mismatch[]> {
  const { log, warn } = console;
  const world = new World(scenario, options, catalogue);
  console.log = (message: string) => world.print(`${message}\n`);
  console.warn = (message: string) => world.warn(message);
  const mismatches: Mismatch[] = [];
  let state: Seen = {};
  const requests: Record<"keras" | "ours", unknown[]> = { keras: [], ours: [] };
  try {
    for (const [step, [[verb, ...args], seen]] of scenario.steps.entries()) {
      const ours = await world.step(verb, args);
      const { requests: sent, ...keras } = seen;
      requests.keras.push(...sent as unknown[] ?? []);
      // If only one of them throws, nothing else can be compared.
      const isAlone = (keras.error === undefined) !== (ours.error === undefined);
      for (const event of events) {
        if (textOf(keras[event]) === textOf(ours[event])) continue;
        if (event === "error" ? isSameError(keras.error, ours.error) : isAlone) continue;
        mismatches.push({ step, field: event, keras: keras[event], ours: ours[event] });
      }
      if (keras.error !== undefined || ours.error !== undefined) break;
      state = { ...state, ...keras };
      for (const [field, value] of Object.entries(state)) {
        if ((events as readonly string[]).includes(field)) continue;
        if (textOf(value) === textOf(ours[field])) continue;
        mismatches.push({ step, field, keras: value, ours: ours[field] });
      }
    }
  } finally {
    requests.ours.push(...await world.end());
    Object.assign(console, { log, warn });
  }
  // Our requests are sent while training continues.
  if (textOf(requests.keras) !== textOf(requests.ours)) {
    mismatches.push({ step: scenario.steps.length, field: "requests", ...requests });
  }
  return mismatches;
}

class World {
  #scenario: Scenario;
  #options: Record<string, unknown>;
  #catalogue: Catalogue;
  #model: tf.Sequential;
  #fs: FileSystem = memoryFileSystem();
  #files: Record<string, string> = {};
  #server: HttpServer | undefined;
  #requests: unknown[] = [];
  #list: keepfit.CallbackList | undefined;
  #callbacks: Record<string, unknown>[] = [];
  #depth = 0;
  #milliseconds = 1e6;
  #printed = "";
  #warned: string[] = [];
  #calls: unknown[] = [];
  #logs: object = {};

  constructor(scenario: Scenario, options: Record<string, unknown>, catalogue: Catalogue) {
    this.#scenario = scenario;
    this.#options = options;
    this.#catalogue = catalogue;
    this.#model = tf.sequential({
      layers: [
        tf.layers.dense({ units: 1, inputShape: [1], useBias: false, kernelInitializer: "zeros" }),
      ],
    });
    const optimizer = tf.train.sgd(scenario.lr ?? 1);
    this.#model.compile({ optimizer, loss: "meanSquaredError" });
  }

  print(text: string): void {
    this.#printed += text;
  }

  warn(message: string): void {
    // Keras creates a file at the path.
    if (message.includes("saves a directory")) return;
    this.#warned.push(contentOf(message));
  }

  /** Run one step, and return the observed values. */
  async step(verb: string, args: unknown[]): Promise<Seen> {
    this.#printed = "";
    this.#warned = [];
    this.#logs = {};
    const seen: Seen = {};
    try {
      await this.#do(verb, args);
    } catch (error) {
      const cause = error instanceof keepfit.CallbackError && error.cause !== undefined
        ? error.cause
        : error;
      seen.error = (cause as Error).constructor.name;
      await this.#list?.onException(error);
      await this.#list?.close(error);
    }
    if (this.#printed !== "") seen.printed = this.#printed.replaceAll(`${folder}/`, "");
    if (this.#warned.length > 0) seen.warned = this.#warned;
    if (seen.error === undefined) await this.#look(seen);
    return seen;
  }

  /** Close everything, and return the requests that were sent. */
  async end(): Promise<unknown[]> {
    await this.#list?.close();
    await this.#server?.close();
    this.#model.dispose();
    return this.#requests;
  }

  async #do(verb: string, args: unknown[]): Promise<void> {
    if (verb === "make") return await this.#make();
    if (verb === "clock") return void (this.#milliseconds += args[0] as number * 1000);
    if (verb === "weight") {
      const weight = tf.tensor2d([[args[0] as number]]);
      this.#model.setWeights([weight]);
      weight.dispose();
      return;
    }
    const list = this.#list as unknown as Record<string, (...args: unknown[]) => unknown>;
    if (verb === "train_begin") this.#model.stopTraining = false;
    await list[camelCase(`on_${verb}`)](...args);
    const isRun = /^(train|test|predict)_(begin|end)$/.exec(verb);
    if (isRun?.[2] === "begin") this.#depth++;
    // A fit, evaluate or predict closes its list.
    if (isRun?.[2] === "end" && --this.#depth === 0) await this.#list?.close();
  }

  async #make(): Promise<void> {
    const made = this.#scenario.make;
    if (made.some(([, { root }]) => root === "server")) {
      this.#server = await getRuntime().serve(async (request) => {
        const { pathname, search } = new URL(request.url);
        const { headers } = request;
        this.#requests.push([
          pathname + search,
          headers.get("content-type"),
          headers.get("x-run"),
          await request.text(),
        ]);
        return new Response(null, { status: pathname.includes("broken") ? 500 : 200 });
      }, { hostname: "127.0.0.1", port: 0 });
    }
    await this.#fs.makeDir(folder);
    const callbacks = made.map((each) => this.#callback(each));
    this.#callbacks = callbacks.flat(Infinity) as Record<string, unknown>[];
    this.#list = new keepfit.CallbackList([...callbacks, this.#recorder()] as never, {
      model: this.#model as never,
      params: { verbose: 0, epochs: 9, steps: null, ...this.#scenario.params },
    });
  }

  #callback([kind, given]: Made): unknown {
    if (kind === "nested") return (given.callbacks as Made[]).map((each) => this.#callback(each));
    if (kind === "Probe") return this.#probe(given);
    const make = this.#catalogue[kind] as new (...args: unknown[]) => unknown;
    if (kind === "LambdaCallback") {
      const hooks = (given.hooks as string[]).map((hook) => [camelCase(hook), this.#record(hook)]);
      return new make(Object.fromEntries(hooks));
    }
    const { filepath, filename, schedule, ...rest } = given;
    const options: Record<string, unknown> = { ...this.#options };
    for (const [name, value] of Object.entries(rest)) options[camelCase(name)] = value;
    if (options.root === "server") options.root = this.#server?.url.replace(/\/$/, "");
    if (kind === "ProgbarLogger") {
      options.now = () => this.#milliseconds;
      options.terminal = {
        write: (text: string) => this.print(text),
        isInteractive: true,
        hasColors: true,
        columns: undefined,
      };
    }
    const path = filepath ?? filename;
    if (path !== undefined) return new make(`${folder}/${path}`, { fs: this.#fs, ...options });
    return schedule === undefined
      ? new make(options)
      : new make(scheduleOf(schedule as Schedule), options);
  }

  #probe({ name, writes }: Record<string, unknown>): object {
    return Object.fromEntries(hooks.map((hook) => {
      const record = this.#record(`${name}.${hook}`);
      return [camelCase(hook), (...args: unknown[]) => {
        record(...args);
        Object.assign(args.at(-1) as object, writes);
      }];
    }));
  }

  #record(name: string): (...args: unknown[]) => void {
    return (...args) => void this.#calls.push([name, ...args.slice(0, -1), { ...args.at(-1)! }]);
  }

  #recorder(): object {
    const keep = (...args: unknown[]) => void (this.#logs = { ...args.at(-1)! });
    return Object.fromEntries(hooks.map((hook) => [camelCase(hook), keep]));
  }

  async #look(seen: Seen): Promise<void> {
    const { stopTraining, optimizer } = this.#model as unknown as keepfit.TrainableModel;
    seen.stop = stopTraining ?? false;
    seen.lr = keepfit.getLearningRate(optimizer);
    seen.weight = this.#model.getWeights()[0].dataSync()[0];
    for (const callback of this.#callbacks) {
      for (const [field, name] of Object.entries(fields)) {
        if (name in callback) seen[field] = structuredClone(callback[name]);
      }
    }
    if (Object.keys(this.#logs).length > 0) seen.logs = this.#logs;
    if (this.#calls.length > 0) seen.calls = this.#calls.splice(0);
    const files = await this.#readFiles();
    const changed = Object.entries(files).filter(([path, text]) => this.#files[path] !== text);
    if (changed.length > 0) seen.files = Object.fromEntries(changed.sort());
    this.#files = files;
  }

  /** Files by path; for a checkpoint its weight, formatted like a float of Python. */
  async #readFiles(): Promise<Record<string, string>> {
    const fs = this.#fs;
    const files: Record<string, string> = {};
    if (!this.#scenario.make.some(([kind]) => /^(CSV|Model)/.test(kind))) return files;
    for await (const { path, name, isFile } of walk(folder, { fs })) {
      if (!isFile) continue;
      if (name === "model.json" || name === "weights_manifest.json") {
        const directory = path.slice(0, -name.length - 1);
        const model = tf.sequential({
          layers: [tf.layers.dense({ units: 1, inputShape: [1], useBias: false })],
        });
        await loadWeights(model, directory, { fs });
        files[nameIn(directory)] = model.getWeights()[0].dataSync()[0].toFixed(1);
        model.dispose();
      } else if (name.endsWith(".csv")) {
        files[nameIn(path)] = await fs.readTextFile(path);
      }
    }
    return files;
  }
}

const hooks = ["train", "epoch", "train_batch", "test", "test_batch", "predict", "predict_batch"]
  .flatMap((name) => [`on_${name}_begin`, `on_${name}_end`]);

function nameIn(path: string): string {
  return path.slice(path.indexOf(`${folder}/`) + folder.length + 1);
}

/** The content of a warning, without its wording. */
function contentOf(message: string): string {
  const missing = /(\w+) monitors '(.*)', which is not available.* Available are: (.*)$/.exec(
    message,
  );
  if (missing !== null) {
    const [, kind, monitor, keys] = missing;
    return kind === "ModelCheckpoint" ? `${monitor} not available` : `${monitor} not in ${keys}`;
  }
  const mode = /mode '(.*)' is unknown/.exec(message);
  if (mode !== null) return `mode ${mode[1]}`;
  return /could not reach/.test(message) ? "unreachable" : `other: ${message}`;
}
