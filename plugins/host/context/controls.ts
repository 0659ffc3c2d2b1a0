import {
  assignWeights,
  disposeWeights,
  type HostWeight,
  readWeights,
  setLearningRate,
  type TrainableModel,
  weightsFromHost,
  weightsOf,
} from "../../../core/model.ts";
import type { PluginControl } from "../../manifest/format.ts";
import { PluginError } from "../../errors.ts";
import { evaluator } from "./evaluate.ts";
import type { ContextParts } from "./mod.ts";

const maxPending = 4;

/** Functions of a plugin that affect the run, by control. */
export function controlsOf(
  { manifest: { id }, run, data }: ContextParts,
): Partial<Record<PluginControl, unknown>> {
  const model = (action: string): TrainableModel => {
    run.checkOpen(action);
    if (run.model === undefined) {
      throw new TypeError(`Cannot reach the model of ${id}: it is set when a run begins`);
    }
    return run.model;
  };
  const evaluate = data && evaluator(data);
  let underWay = 0;
  /** Limit pending calls, because each keeps copies of weights or outputs until it ends. */
  const limited = async <T>(action: string, work: (model: TrainableModel) => Promise<T>) => {
    const target = model(action);
    if (underWay >= maxPending) {
      throw new PluginError(
        "E_LIMIT",
        `Plugin ${id} may not ${action}: it does not await its calls`,
        {
          expected: `at most ${maxPending} pending calls that read or write weights`,
          hint: "await the promises that the context's functions return",
        },
      );
    }
    underWay++;
    try {
      return await work(target);
    } finally {
      underWay--;
    }
  };
  return {
    ...(evaluate && { evaluate: () => limited("evaluate", evaluate) }),
    stop: () => {
      model("stop").stopTraining = true;
    },
    setLearningRate: (learningRate: number) =>
      setLearningRate(model("set the learning rate"), learningRate),
    readWeights: () => limited("read weights", (target) => readWeights(weightsOf(target))),
    writeWeights: (values: HostWeight[]) =>
      limited("write weights", async (target) => {
        checkWeights(values);
        const weights = await weightsFromHost(target, values);
        try {
          assignWeights(model("write weights"), weights);
        } finally {
          disposeWeights(weights);
        }
      }),
  };
}

const arrays: Record<string, unknown> = {
  bool: Uint8Array,
  float32: Float32Array,
  int32: Int32Array,
};

/**
 * @throws TypeError for weights in another form than that of `readWeights`
 * @throws TypeError for weights that do not have the form that `readWeights` returns
 */
function checkWeights(weights: HostWeight[]): void {
  const isWeight = ({ shape, dtype, values }: HostWeight): boolean =>
    Array.isArray(shape) && values?.constructor === arrays[dtype] &&
    values.length === shape.reduce((size, side) => size * side, 1);
  const wrong = Array.isArray(weights) ? weights.findIndex((one) => !isWeight(one)) : 0;
  if (wrong < 0) return;
  throw new TypeError(
    `Cannot write weight ${wrong}: expected { shape, dtype, values } as returned by readWeights`,
  );
}
