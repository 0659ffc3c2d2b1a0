import type { HostWeight } from "../core/model.ts";
import { renamed, splitName, type TrainedWeight, trainedWeights } from "./optimizer_names.ts";
import type { NamedValue, OptimizerState } from "./optimizer_state.ts";
import { optimizerOf } from "./optimizers.ts";
import type { LayersModel, Optimizer } from "./types.ts";

/** A state as one model can use it. */
export interface FittedState {
  /**
   * The state in the order and under the names of the model's variables. Weights without saved
   * state have slots like those of a fresh optimizer.
   */
  fitted: OptimizerState;
  /** Trained weights without saved state. */
  missing: string[];
  /** Weights with saved state that the model does not train. */
  extra: string[];
}

/**
 * Match the slots and averages of a state with the trained weights of a model, by name. The state
 * of a bare optimizer is unchanged.
 *
 * @throws RangeError for a slot, average or sum of another shape than its weight, and for slots of one
 *   kind that are of other weights than those of another
 */
export function fitOptimizerState(
  optimizerOrModel: Optimizer | LayersModel,
  state: OptimizerState,
): FittedState {
  const trained = trainedWeights(optimizerOrModel);
  const saved = savedNames(state);
  if (trained === undefined) return { fitted: state, missing: [], extra: [] };
  const accumulated = state.accumulated &&
    { ...state.accumulated, sums: fitSums(state.accumulated.sums, trained) };
  if (saved.length === 0) {
    const fitted = accumulated === undefined ? state : { ...state, accumulated };
    return { fitted, missing: [], extra: [] };
  }
  // The state of a bare optimizer has the names of variables.
  const isByPath = trained.some(({ path }) => saved.includes(path));
  const present = trained.map(({ path, variable }) => isByPath ? path : variable);
  const average = state.average?.flatMap((one) => {
    const at = present.indexOf(String(one.name));
    if (one.name === undefined) return [one];
    if (at < 0) return [];
    checkShape(one, one.name, trained[at]);
    return [{ ...one, name: trained[at].variable }];
  });
  const variables = trained.map(({ variable }) => variable);
  const initial = initialValue(optimizerOrModel);
  const slots = Object.entries(state.slots).map(([field, list]) =>
    [field, fitSlots(list, { saved, present, trained, initial })] as const
  );
  const weights = state.weights?.flatMap(({ name, value }) => {
    const isLeftOut = splitName(name, saved)[0] >= 0 && splitName(name, present)[0] < 0;
    return isLeftOut ? [] : [{ name: renamed(name, present, variables), value }];
  });
  return {
    fitted: {
      ...state,
      slots: Object.fromEntries(slots),
      ...(average && { average }),
      ...(weights && { weights }),
      ...(accumulated && { accumulated }),
    },
    missing: present.filter((name) => !saved.includes(name)),
    extra: saved.filter((name) => !present.includes(name)),
  };
}

/** Names of the weights of a state; empty if it has none. */
function savedNames({ slots, variables, average }: OptimizerState): string[] {
  const [list] = Object.values(slots);
  if (list !== undefined) return list.map(({ name }) => weightOf(name));
  return variables ?? (average ?? []).flatMap(({ name }) => name ?? []);
}

/** The sums of weights that are trained, under the names of their variables. */
function fitSums(sums: HostWeight[], trained: TrainedWeight[]): HostWeight[] {
  const byName = new Map(trained.flatMap((weight) => [
    [weight.variable, weight] as const,
    [weight.path, weight] as const,
  ]));
  if (!sums.some(({ name = "" }) => byName.has(name))) return sums;
  return sums.flatMap((sum) => {
    const weight = byName.get(sum.name ?? "");
    if (weight === undefined) return [];
    checkShape(sum, weight.path, weight);
    return [{ ...sum, name: weight.variable }];
  });
}

function fitSlots(
  list: NamedValue[],
  { saved, present, trained, initial }: {
    saved: string[];
    present: string[];
    trained: TrainedWeight[];
    initial: number;
  },
): NamedValue[] {
  const others = list.map(({ name }) => weightOf(name));
  if (String(others) !== String(saved)) {
    throw new RangeError(
      `Cannot set the optimizer's state: some of its slots are of '${others.join("', '")}', ` +
        `others of '${saved.join("', '")}'`,
    );
  }
  return trained.map((weight, i) => {
    const { variable, shape } = weight;
    const slot = list[saved.indexOf(present[i])];
    if (slot === undefined) {
      const suffix = list[0].name.slice(list[0].name.lastIndexOf("/"));
      return { name: variable + suffix, value: filled(shape, initial) };
    }
    checkShape(slot.value, slot.name, weight);
    return { name: variable + slot.name.slice(present[i].length), value: slot.value };
  });
}

/** The weight of a slot: `dense/kernel` of `dense/kernel/m`. */
function weightOf(slot: string): string {
  return slot.slice(0, slot.lastIndexOf("/"));
}

function checkShape({ shape }: HostWeight, name: string, weight: TrainedWeight): void {
  if (String(shape) === String(weight.shape)) return;
  throw new RangeError(
    `Cannot set the optimizer's state: '${name}' was kept with shape [${shape}], ` +
      `'${weight.path}' has [${weight.shape}]`,
  );
}

/** Initial value of a slot: only Adagrad starts above 0. */
export function initialValue(optimizerOrModel: Optimizer | LayersModel): number {
  const optimizer = optimizerOf(optimizerOrModel, "set the optimizer's state");
  return (optimizer as { initialAccumulatorValue?: number }).initialAccumulatorValue ?? 0;
}

function filled(shape: number[], value: number): HostWeight {
  const size = shape.reduce((product, length) => product * length, 1);
  return { shape: shape.slice(), dtype: "float32", values: new Float32Array(size).fill(value) };
}
