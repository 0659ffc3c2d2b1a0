/** Programs that keepfit is compared with, installed outside the repository. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { Jax } from "./jax_js.ts";
import type { Times } from "./pair.ts";

const folder = process.env.KEEPFIT_BENCH_FOLDER ?? join(tmpdir(), "keepfit-bench");
const keras = "3.15.1";
const jaxJs = "0.1.25";

/**
 * Find a Python with Keras, TensorFlow and JAX: that of `KEEPFIT_PYTHON`, or one in
 * `KEEPFIT_BENCH_FOLDER`, which is created the first time and kept.
 *
 * @returns the executable, or the reason why there is none
 */
export function findKeras(): { python: string } | { reason: string } {
  const named = process.env.KEEPFIT_PYTHON;
  if (named !== undefined && hasKeras(named)) return { python: named };
  const environment = join(folder, `keras-${keras}`);
  const python = process.platform === "win32"
    ? join(environment, "Scripts", "python.exe")
    : join(environment, "bin", "python");
  if (hasKeras(python)) return { python };
  console.log(`Installing Keras ${keras}, TensorFlow and jax into ${environment}`);
  if (spawnSync("python3", ["-m", "venv", environment]).status !== 0) {
    return {
      reason: "there is no python3 with venv, and KEEPFIT_PYTHON is not a Python with Keras",
    };
  }
  // On some platforms, TensorFlow is available under only one name.
  for (const tensorflow of ["tensorflow-cpu", "tensorflow"]) {
    const packages = [`keras==${keras}`, tensorflow, "jax", "tensorboard"];
    const patience = ["--retries", "0", "--timeout", "2"];
    spawnSync(python, ["-m", "pip", "install", "--quiet", ...patience, ...packages]);
    if (hasKeras(python)) return { python };
  }
  return { reason: `pip could not install Keras ${keras}, TensorFlow and jax` };
}

/**
 * The module `@jax-js/jax` from `KEEPFIT_BENCH_FOLDER`, installed the first time.
 *
 * @returns the module, or the reason why there is none
 */
export async function findJaxJs(): Promise<{ jax: Jax } | { reason: string }> {
  const prefix = join(folder, `jax-js-${jaxJs}`);
  const file = join(prefix, "node_modules/@jax-js/jax/dist/index.js");
  if (!existsSync(file)) {
    console.log(`Installing @jax-js/jax ${jaxJs} into ${prefix}`);
    mkdirSync(prefix, { recursive: true });
    const patience = ["--fetch-retries=0", "--fetch-timeout=5000", "--no-audit", "--no-fund"];
    spawnSync("npm", ["install", "--prefix", prefix, ...patience, `@jax-js/jax@${jaxJs}`], {
      shell: process.platform === "win32",
    });
  }
  const jax: Jax | undefined = await import(pathToFileURL(file).href).catch(() => undefined);
  return jax === undefined
    ? { reason: `npm could not install @jax-js/jax ${jaxJs}, or this runtime cannot load it` }
    : { jax };
}

function hasKeras(python: string): boolean {
  const test = `
import importlib.metadata, importlib.util
assert importlib.metadata.version("keras") == "${keras}"
assert all(map(importlib.util.find_spec, ["tensorflow", "jax", "tensorboard"]))`;
  return spawnSync(python, ["-c", test]).status === 0;
}

/** A process of `keras_worker.py` with one of Keras's backends. */
export class Keras {
  readonly #backend: "tensorflow" | "jax";
  #process!: ChildProcess;
  #lines!: AsyncIterator<string>;
  #errors = "";

  constructor(backend: "tensorflow" | "jax") {
    this.#backend = backend;
  }

  /**
   * Start the process, on the CPU.
   *
   * @returns its versions
   */
  start(python: string): Promise<string> {
    const worker = fileURLToPath(new URL("keras_worker.py", import.meta.url));
    this.#process = spawn(python, [worker], {
      env: { ...process.env, KERAS_BACKEND: this.#backend, CUDA_VISIBLE_DEVICES: "" },
    });
    this.#process.stderr?.on("data", (text) => this.#errors = (this.#errors + text).slice(-2000));
    this.#lines = createInterface({ input: this.#process.stdout! })[Symbol.asyncIterator]();
    return this.#answer();
  }

  /** Run a task of `keras_worker.py`. */
  run(task: string, parameters: object): Promise<Times> {
    this.#process.stdin?.write(`${JSON.stringify({ task, ...parameters })}\n`);
    return this.#answer();
  }

  async close(): Promise<void> {
    const closed = once(this.#process, "close");
    this.#process.stdin?.end();
    await closed;
  }

  async #answer<T>(): Promise<T> {
    const { value, done } = await this.#lines.next();
    if (done) {
      throw new Error(`Cannot run keras_worker.py: its process ended with\n${this.#errors}`);
    }
    return JSON.parse(value);
  }
}
