import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { Callback, describeStep, evaluate, fit, History, predict } from "keepfit";
import { warned } from "./fixtures.ts";

const x = tf.ones([8, 3]);
const y = tf.ones([8, 1]);
const silent = {
  verbose: 2,
  callbacks: { onEpochEnd: () => {} },
} as const;

class Twice extends tf.layers.Layer {
  static className = "Twice";
  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return tf.tidy(() => [inputs].flat()[0].mul(2));
  }
  override computeOutputShape(shape: tf.Shape): tf.Shape {
    return shape;
  }
}

function network(...between: tf.layers.Layer[]): tf.Sequential {
  const model = tf.sequential({
    layers: [
      tf.layers.dense({ units: 4, inputShape: [3] }),
      ...between,
      tf.layers.dense({ units: 1 }),
    ],
  });
  model.compile({ optimizer: "sgd", loss: "meanSquaredError" });
  return model;
}

/** The hints of a run about the way in which its steps are computed. */
async function hintsOf(run: () => Promise<unknown>): Promise<string[]> {
  const { log } = console;
  console.log = () => {};
  try {
    return (await warned(run)).filter((line) => line.includes("TensorFlow.js computes the steps"));
  } finally {
    console.log = log;
  }
}

describe("The report of a run's steps", () => {
  it("The report of a run's steps names the layer that keeps them from being compiled, once for each model and reason", async () => {
    const model = network(new Twice({ name: "twice" }));
    const hints = await hintsOf(async () => {
      await fit(model, x, y, silent);
      await fit(model, x, y, silent);
      await evaluate(model, x, y, silent);
      (await predict(model, x, silent) as tf.Tensor).dispose();
    });
    assert.equal(hints.length, 1);
    assert.match(hints[0], /: the layer twice \(Twice\) is not compiled; docs\/compiled_steps\.md/);
    assert.equal((await hintsOf(() => fit(network(new Twice({})), x, y, silent))).length, 1);
  });

  it("The report of a run's steps is silent with verbose 0 or jitCompile false, and for compiled steps", async () => {
    const hints = await hintsOf(async () => {
      const model = network(new Twice({}));
      await fit(model, x, y, { ...silent, verbose: 0 });
      await fit(model, x, y, { ...silent, jitCompile: false });
      await fit(network(), x, y, silent);
    });
    assert.deepEqual(hints, []);
  });

  it("The report of a run's steps is in the history, from the first batch on", async () => {
    const reason = "the layer again (Twice) is not compiled";
    class Look extends Callback {
      seen: unknown[] = [];
      override onTrainBatchEnd(): void {
        const { history } = this.model as unknown as { history: History };
        this.seen.push(history.step?.isCompiled);
      }
    }
    const look = new Look();
    const compiled = await fit(network(), x, y, { verbose: 0, callbacks: [look] });
    assert.deepEqual(compiled.step, { isCompiled: true });
    assert.deepEqual(look.seen, [true]);
    const plain = await fit(network(new Twice({ name: "again" })), x, y, { verbose: 0 });
    assert.deepEqual(plain.step, { isCompiled: false, reason });
    const forced = await fit(network(), x, y, { verbose: 0, jitCompile: false });
    assert.deepEqual(forced.step, { isCompiled: false, reason: "jitCompile is false" });
  });

  it("The report of a run's steps is about the training, if the run validates too", async () => {
    const model = network(tf.layers.dropout({ rate: 0.5 }));
    const options = { verbose: 0, noise: "tfjs", validationData: [x, y] } as const;
    const { step } = await fit(model, x, y, { ...options, validationData: [x, y] });
    assert.match(step?.reason ?? "", /TensorFlow\.js draws the random numbers/);
    assert.deepEqual(describeStep(model), step);
  });

  it("The report of a run's steps names the shape of a batch that TensorFlow.js computed", async () => {
    const model = network();
    model.compile({
      optimizer: "sgd",
      loss: (yTrue, yPred) => yTrue.mean().sub(yPred).square(),
      metrics: ["mae"],
    });
    const wide = tf.ones([8, 2]);
    const { step } = await fit(model, x, wide, { verbose: 0 });
    assert.match(
      step?.reason ?? "",
      /^the target dense\S+ of a batch has the shape \[8,2\], not \[rows,1\]$/,
    );
    assert.deepEqual(describeStep(model), step);
    await assert.rejects(fit(model, x, wide, { verbose: 0, jitCompile: true }), {
      name: "TypeError",
      message: /^Cannot compile the step: the target/,
    });
  });

  it("The report of a run's steps is an error with jitCompile true, when the numbers differ from those of TensorFlow.js", async () => {
    class False extends Twice {
      static override className = "Softmax";
    }
    const model = network(new False({}));
    const weights = model.getWeights().map((weight) => weight.dataSync().slice());
    const forced = { verbose: 0, jitCompile: true } as const;
    const differs = { name: "TypeError", message: /Cannot compile the step: its .* differs from/ };
    await assert.rejects(fit(model, x, y, forced), differs);
    await assert.rejects(evaluate(model, x, y, forced), differs);
    await assert.rejects(predict(model, x, forced), differs);
    assert.deepEqual(model.getWeights().map((weight) => weight.dataSync().slice()), weights);
  });
});
