import * as tf from "@tensorflow/tfjs";
import { predict } from "keepfit";
import { pair, type Row } from "./pair.ts";

/** Predict many rows in small batches on the current backend. */
export async function predictRow(what: string, rounds: number, repeats = 1): Promise<Row> {
  const x = tf.randomUniform([16_384, 256]);
  const model = tf.sequential({ layers: [tf.layers.dense({ inputShape: [256], units: 10 })] });
  const read = async (outputs: tf.Tensor | tf.Tensor[]) => {
    await (outputs as tf.Tensor).data();
    tf.dispose(outputs);
  };
  const [keepfit, tfjs] = await pair(
    async () => await read(await predict(model, x, { batchSize: 32, verbose: 0 })),
    async () => await read(model.predict(x, { batchSize: 32 })),
    rounds,
    repeats,
  );
  x.dispose();
  model.dispose();
  return {
    what: `predict 16,384 x 256 at batch 32, ${what}`,
    backend: tf.getBackend(),
    ratio: keepfit / tfjs,
    keepfit,
    tfjs,
  };
}
