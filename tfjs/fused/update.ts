import type * as tf from "@tensorflow/tfjs";
import { type Engine, getEngine, isWatched, readsSynchronously } from "../engine.ts";
import {
  type FusedRule,
  type InternalOptimizer,
  optimizerClassOf,
  type ScalarField,
  type SlotField,
  slotFieldsOf,
  usesUpdateOfTfjs,
} from "../optimizers.ts";
import type { Update } from "../update.ts";
import { formulas } from "./formula.ts";
import type { DeviceBackend } from "./device.ts";
import { haveSameBitsOnDevice } from "./device_comparison.ts";
import type { Cell, Job, Storage } from "./job.ts";
import { storageOf } from "./storage.ts";

/** One variable of an update. */
interface VariableJob extends Job {
  /** The variable and its slots. */
  readonly cells: tf.Variable[];
}

/** Whether an optimizer was verified to update like the formula on a backend. */
interface Verdict {
  backend: unknown;
  /** Undefined until the device has answered. */
  isTrusted?: boolean;
}

const verdicts = new WeakMap<tf.Optimizer, Verdict>();

/**
 * Update variables exactly like the `applyGradients` of an optimizer's class, bit for bit, but with
 * one kernel per variable instead of about fifteen.
 *
 * TensorFlow.js performs the update for custom optimizers, for backends other than cpu, wasm and
 * webgpu, for weights that are not float32, while kernels are profiled, and for the first update,
 * which creates the slots. The next update is computed both ways; if any bit differs, this optimizer
 * always uses TensorFlow.js. On a device the comparison is asynchronous; TensorFlow.js performs the
 * updates until its result is known.
 */
export function applyFused(optimizer: tf.Optimizer, gradients: Parameters<Update>[0]): void {
  const known = optimizerClassOf(optimizer);
  const engine = getEngine();
  const verdict = verdictOf(engine, optimizer);
  if (verdict?.isTrusted === false || known === undefined || !usesUpdateOfTfjs(optimizer)) {
    return applyTheirs(optimizer, gradients);
  }
  const internals = optimizer as InternalOptimizer;
  const storage = isWatched(engine) ? undefined : storageOf(engine);
  const jobs = storage && jobsOf(engine, internals, slotFieldsOf(optimizer, known), gradients);
  if (storage === undefined || jobs === undefined || jobs.length === 0) {
    return applyTheirs(optimizer, gradients);
  }
  const values = known.fused.scalars(internals, storage.read, epsilonOf(engine));
  const name = known.fused.formula(internals, engine.backendName, values);
  const scalars: number[] = [];
  for (const scalar of formulas[name].scalars) {
    const value = values[scalar];
    if (typeof value !== "number") return applyTheirs(optimizer, gradients);
    scalars.push(value);
  }
  if (verdict === undefined) {
    const next: Verdict = { backend: engine.backend };
    const isTrusted = compare(
      engine,
      jobs,
      () => applyTheirs(optimizer, gradients),
      (others) => storage.run(name, others, scalars),
    );
    if (typeof isTrusted === "boolean") next.isTrusted = isTrusted;
    else void isTrusted.then((answer) => next.isTrusted = answer);
    verdicts.set(optimizer, next);
    return;
  }
  if (verdict.isTrusted === undefined) return applyTheirs(optimizer, gradients);
  storage.run(name, jobs, scalars);
  advance(storage, internals, known.fused);
}

/** Update as TensorFlow.js does. */
function applyTheirs(optimizer: tf.Optimizer, gradients: Parameters<Update>[0]): void {
  (Object.getPrototypeOf(optimizer) as tf.Optimizer).applyGradients.call(optimizer, gradients);
}

/** The work of an update; undefined if TensorFlow.js must perform it. */
function jobsOf(
  engine: Engine,
  optimizer: InternalOptimizer,
  fields: SlotField[],
  gradients: Parameters<Update>[0],
): VariableJob[] | undefined {
  const isList = Array.isArray(gradients);
  const names = isList ? gradients.map(({ name }) => name) : Object.keys(gradients);
  const jobs: VariableJob[] = [];
  for (let i = 0; i < names.length; i++) {
    const gradient = isList ? gradients[i].tensor : gradients[names[i]];
    const cells = [engine.registeredVariables[names[i]]];
    for (const field of fields) {
      // TensorFlow.js creates a missing slot, even for a variable without a gradient.
      const slot = optimizer[field]?.[i];
      if (slot === undefined || slot === null) return undefined;
      cells.push(slot.variable);
    }
    if (gradient === undefined || gradient === null) continue;
    if (gradient.dtype !== "float32") return undefined;
    for (const cell of cells) if (!isLike(cell, gradient)) return undefined;
    jobs.push({ cells, gradient });
  }
  return jobs;
}

function isLike(cell: tf.Tensor | undefined, { shape }: tf.Tensor): boolean {
  if (cell === undefined || cell.dtype !== "float32") return false;
  if (cell.shape.length !== shape.length) return false;
  for (let i = 0; i < shape.length; i++) if (cell.shape[i] !== shape[i]) return false;
  return true;
}

function epsilonOf(engine: Engine): number {
  return (engine.backend as { epsilon(): number }).epsilon();
}

/** Count the update, and change the scalars that change with each. */
function advance(storage: Storage, optimizer: InternalOptimizer, rule: FusedRule): void {
  const next = rule.next?.(optimizer, storage.read);
  for (const field in next) {
    const cell = optimizer[field as ScalarField];
    if (cell !== undefined) storage.write(cell, next[field as ScalarField] as number);
  }
  (optimizer as unknown as { incrementIterations(): void }).incrementIterations();
}

function verdictOf({ backend }: Engine, optimizer: tf.Optimizer): Verdict | undefined {
  const verdict = verdicts.get(optimizer);
  return verdict?.backend === backend ? verdict : undefined;
}

/** Maximum size of a variable for the comparison. */
const comparedSize = 2 ** 20;

/**
 * Update with TensorFlow.js and compare the results with those of the formula, bit by bit.
 *
 * @param run performs the update by the formula on other cells
 */
function compare(
  engine: Engine,
  jobs: VariableJob[],
  theirs: () => void,
  run: (jobs: Job[]) => void,
): boolean | Promise<boolean> {
  const smallest = Math.min(...jobs.map(({ gradient }) => gradient.size));
  const compared = jobs.filter(({ gradient }) => gradient.size <= Math.max(comparedSize, smallest));
  const standIns = compared.map(({ cells, gradient }) => ({
    cells: cells.map((cell) => new StandIn(cell)),
    gradient,
  }));
  const cells = compared.flatMap((job) => job.cells);
  const others = standIns.flatMap((job) => job.cells);
  try {
    theirs();
    if (!readsSynchronously(engine)) {
      return haveSameBitsOnDevice(
        engine.backend as DeviceBackend,
        () => run(standIns),
        () => cells.map((cell, i) => [cell, others[i].tensor]),
      );
    }
    run(standIns);
    return cells.every((cell, i) => haveSameBits(cell, others[i].tensor));
  } finally {
    for (const { tensor } of others) tensor.dispose();
  }
}

/** A cell with the current values of a variable. */
class StandIn implements Cell {
  tensor: tf.Tensor;

  constructor(variable: tf.Variable) {
    this.tensor = variable.clone();
  }

  get dataId(): tf.DataId {
    return this.tensor.dataId;
  }

  get shape(): number[] {
    return this.tensor.shape;
  }

  get size(): number {
    return this.tensor.size;
  }

  assign(value: tf.Tensor): void {
    this.tensor.dispose();
    this.tensor = value.clone();
  }
}

/** NaN equals NaN, with any bits. */
function haveSameBits(left: tf.Tensor, right: tf.Tensor): boolean {
  const [a, b] = [left.dataSync(), right.dataSync()];
  return a.length === b.length && a.every((value, i) => Object.is(value, b[i]));
}
