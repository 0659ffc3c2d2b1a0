import type * as tf from "@tensorflow/tfjs";
import type { Engine } from "../engine.ts";
import { penaltiesOf } from "../network.ts";
import { differentiate } from "./differentiate.ts";
import type { Block, Weight } from "./graph.ts";
import type { PlanMemory } from "./memory.ts";

/**
 * The penalties of a model's regularizers, computed by TensorFlow.js.
 *
 * @returns a function that returns their sum and, in training, adds its gradients to those of the
 *   weights; undefined for a model without regularizers
 */
export function penaltiesOfStep(
  engine: Engine,
  network: tf.LayersModel,
  memory: PlanMemory,
  weights: readonly Weight[],
  isTraining: boolean,
): (() => number) | undefined {
  let hasPenalties = false;
  engine.tidy(() => {
    hasPenalties = penaltiesOf(network).length > 0;
  });
  if (!hasPenalties) return undefined;
  const total = () => penaltiesOf(network).reduce((all, one) => all.add(one));
  const trained = isTraining ? weights.filter(({ gradient }) => gradient !== undefined) : [];
  return () => {
    let sum = 0;
    engine.tidy(() => {
      // In training, all layers may be frozen.
      if (trained.length === 0) {
        sum = total().dataSync()[0];
        return;
      }
      const variables = trained.map(({ variable }) => variable());
      const { value, grads } = differentiate(engine, total, variables, true);
      sum = value.dataSync()[0];
      trained.forEach(({ gradient, size }, i) => {
        const added = grads[i]?.dataSync();
        if (added === undefined) return;
        const start = (gradient as Block).address >> 2;
        const all = memory.floats();
        for (let j = 0; j < size; j++) all[start + j] += added[j];
      });
    });
    return sum;
  };
}
