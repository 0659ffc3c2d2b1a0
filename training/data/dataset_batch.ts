import type * as tf from "@tensorflow/tfjs";
import { type Batch, describeValue, disposeAll, isTensor, type Tensors } from "./data.ts";
import { type Engine, readsSynchronously } from "../../tfjs/engine.ts";
import type { WeighRows } from "./row_weights.ts";
import { byName, checkShapes, type ModelSignature } from "./shapes.ts";
import { checkTargets } from "./targets.ts";

/** How a batch of a dataset is read. */
export interface BatchReading {
  /** Name of the batch in messages. */
  what: string;
  /** Whether it is the first batch of the run. */
  isFirst: boolean;
  weigh: WeighRows;
  warn(sentence: string): void;
}

/** Convert a batch of a dataset. The result owns all tensors of the batch. */
export async function datasetBatch(
  engine: Engine,
  signature: ModelSignature,
  value: unknown,
  role: string,
  { what, isFirst, weigh, warn }: BatchReading,
): Promise<Batch> {
  const owned = tensorsIn(value);
  try {
    const { x, y, sampleWeight } = partsOf(value, signature, role);
    const outputNames = signature.outputNames ?? [];
    const xs = byName(x, signature.inputNames, `${role} xs`);
    const ys = outputNames.length === 0 ? [] : byName(y as Tensors, outputNames, `${role} ys`);
    const size = checkShapes(xs, ys, signature, role);
    if (size < 1) throw new RangeError(`Cannot use a batch of the ${role} dataset without rows`);
    const { batchRows = null } = signature;
    if (batchRows !== null && size !== batchRows) {
      throw new RangeError(
        `Cannot use ${what}: it has ${size} rows, the model is stateful and made for batches of ` +
          `${batchRows}`,
      );
    }
    // Checking every batch would stall a device.
    if (isFirst || readsSynchronously(engine)) {
      await checkTargets(ys, signature, { what: `ys in ${what}` }, warn);
    }
    const weights = await weigh(ys, size, sampleWeight);
    const withTwoAxes = (tensor: tf.Tensor): tf.Tensor => {
      if (tensor.rank !== 1) return tensor;
      const column = tensor.reshape([size, 1]);
      owned.add(column);
      return column;
    };
    return {
      xs: xs.map(withTwoAxes),
      ys: ys.map(withTwoAxes),
      weights: weights.map((one) => {
        if (one === undefined) return undefined;
        const tensor = engine.makeTensor(one.values, [size, ...one.rowShape], "float32");
        owned.add(tensor);
        return tensor;
      }),
      size,
      dispose: () => disposeAll(owned),
    };
  } catch (error) {
    disposeAll(owned);
    throw error;
  }
}

/** Inputs, targets and weights of a batch of any form. */
function partsOf(
  value: unknown,
  signature: ModelSignature,
  role: string,
): { x: Tensors; y?: Tensors; sampleWeight?: Tensors } {
  const wantsTargets = signature.outputNames !== undefined;
  let [x, y, sampleWeight]: (Tensors | undefined)[] = [];
  if (Array.isArray(value)) {
    const areInputs = !wantsTargets && value.length === signature.inputNames.length &&
      value.every(isTensor);
    [x, y, sampleWeight] = areInputs ? [value] : value;
  } else {
    ({ xs: x, ys: y, sampleWeight } = (value ?? {}) as { [part: string]: Tensors | undefined });
    if (x === undefined && !wantsTargets) x = value as Tensors;
  }
  if (x === undefined || x === null || (wantsTargets && (y === undefined || y === null))) {
    throw new TypeError(
      `Cannot read a batch of the ${role} dataset: expected ` +
        `${wantsTargets ? "{ xs, ys } or [xs, ys]" : "{ xs }, [xs] or xs"}, got ${
          describeValue(value)
        }`,
    );
  }
  return { x, y, sampleWeight };
}

/** All nested tensors of a batch, `{ xs: { name: tensor } }`, even unused ones. */
export function tensorsIn(value: unknown, depth = 3): Set<tf.Tensor> {
  if (isTensor(value)) return new Set([value]);
  if (depth === 0 || typeof value !== "object" || value === null) return new Set();
  return new Set(Object.values(value).flatMap((one) => [...tensorsIn(one, depth - 1)]));
}
