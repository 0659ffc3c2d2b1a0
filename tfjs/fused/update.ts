import type * as tf from "@tensorflow/tfjs";
import { type Engine, getEngine, isWatched } from "../engine.ts";
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
import { type FormulaName, formulas } from "./formula.ts";
import { type Cell, type RunFormula, runnerOf } from "./storage.ts";

/** One variable of an update. */
interface Job {
  /** The variable and its slots. */
  cells: tf.Variable[];
  gradient: tf.Tensor;
}

/** Whether an optimizer was verified to update like the formula. */
const trusted = new WeakMap<tf.Optimizer, boolean>();

/**
 * Update variables exactly like the `applyGradients` of an optimizer's class, bit for bit, but with
 * one kernel per variable instead of about fifteen.
 *
 * TensorFlow.js performs the update for custom optimizers, for backends other than cpu and wasm,
 * for weights that are not float32, while kernels are profiled, and for the first update, which
 * creates the slots. The next update is computed both ways; if any bit differs, this optimizer
 * always uses TensorFlow.js.
 */
export function applyFused(optimizer: tf.Optimizer, gradients: Parameters<Update>[0]): void {
  const theirs = () =>
    (Object.getPrototypeOf(optimizer) as tf.Optimizer).applyGradients.call(optimizer, gradients);
  const known = optimizerClassOf(optimizer);
  const isTrusted = trusted.get(optimizer);
  if (isTrusted === false || known === undefined || !usesUpdateOfTfjs(optimizer)) return theirs();
  const internals = optimizer as InternalOptimizer;
  const engine = getEngine();
  const run = isWatched(engine) ? undefined : runnerOf(engine);
  const jobs = run && jobsOf(engine, internals, slotFieldsOf(optimizer, known), gradients);
  if (run === undefined || jobs === undefined || jobs.length === 0) return theirs();
  const name = known.fused.formula(internals, engine.backendName);
  const values = known.fused.scalars(internals, epsilonOf(engine));
  const scalars = formulas[name].scalars.map((scalar) => values[scalar]);
  if (!scalars.every((scalar) => typeof scalar === "number")) return theirs();
  if (isTrusted === undefined) {
    trusted.set(optimizer, agrees(theirs, run, name, jobs, scalars));
    return;
  }
  for (const { cells, gradient } of jobs) run(name, cells, gradient, scalars);
  advance(engine, internals, known.fused);
}

/** The work of an update; undefined if TensorFlow.js must perform it. */
function jobsOf(
  engine: Engine,
  optimizer: InternalOptimizer,
  fields: SlotField[],
  gradients: Parameters<Update>[0],
): Job[] | undefined {
  const isList = Array.isArray(gradients);
  const names = isList ? gradients.map(({ name }) => name) : Object.keys(gradients);
  const jobs: Job[] = [];
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
    if (!cells.every((cell) => isLike(cell, gradient))) return undefined;
    jobs.push({ cells, gradient });
  }
  return jobs;
}

function isLike(cell: tf.Tensor | undefined, gradient: tf.Tensor): boolean {
  if (cell === undefined || cell.dtype !== "float32" || gradient.dtype !== "float32") return false;
  return cell.rank === gradient.rank && cell.shape.every((size, i) => size === gradient.shape[i]);
}

function epsilonOf(engine: Engine): number {
  return (engine.backend as { epsilon(): number }).epsilon();
}

/** Count the update, and change the scalars that change with each. */
function advance(engine: Engine, optimizer: InternalOptimizer, rule: FusedRule): void {
  for (const [field, value] of Object.entries(rule.next?.(optimizer) ?? {})) {
    const tensor = engine.makeTensor(Float32Array.of(value), [], "float32");
    optimizer[field as ScalarField]?.assign(tensor);
    tensor.dispose();
  }
  (optimizer as unknown as { incrementIterations(): void }).incrementIterations();
}

/** Maximum size of a variable for the comparison. */
const comparedSize = 2 ** 20;

/** Update with TensorFlow.js, and return whether the formula gives the same bits. */
function agrees(
  theirs: () => void,
  run: RunFormula,
  name: FormulaName,
  jobs: Job[],
  scalars: number[],
): boolean {
  const smallest = Math.min(...jobs.map(({ gradient }) => gradient.size));
  const compared = jobs.filter(({ gradient }) => gradient.size <= Math.max(comparedSize, smallest));
  const standIns = compared.map(({ cells }) => cells.map((cell) => new StandIn(cell)));
  try {
    theirs();
    return compared.every(({ cells, gradient }, i) => {
      run(name, standIns[i], gradient, scalars);
      return cells.every((cell, j) => haveSameBits(cell, standIns[i][j].tensor));
    });
  } finally {
    for (const one of standIns.flat()) one.tensor.dispose();
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
