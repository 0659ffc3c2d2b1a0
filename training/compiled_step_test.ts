import assert from "node:assert/strict";
import { after, before, describe, it, type TestContext } from "node:test";
import * as tf from "@tensorflow/tfjs";
import {
  Callback,
  clipGradients,
  describeStep,
  EarlyStopping,
  evaluate,
  exponentialMovingAverage,
  fit,
  type FitOptions,
  predict,
  setRandomSeed,
  SwapEMAWeights,
} from "keepfit";
import { useBackend } from "keepfit/backend";
import { furthest, twins, weightsOf } from "./fixtures.ts";

const rows = 50;
const x = tf.randomNormal([rows, 5], 0, 1, "float32", 1);
const y = tf.tidy(() => x.sum(1, true).tanh());
const quiet = { verbose: 0, epochs: 2, batchSize: 8, seed: 1 } as const;

function network(compile: Partial<tf.ModelCompileArgs> = {}): tf.Sequential {
  const model = tf.sequential({
    layers: [
      tf.layers.dense({ units: 7, inputShape: [5], activation: "relu" }),
      tf.layers.dense({ units: 1 }),
    ],
  });
  model.compile({ optimizer: "adam", loss: "meanSquaredError", metrics: ["mae"], ...compile });
  return model;
}

/** Train twins, one compiled and one not, and compare logs and weights. */
async function compare(
  make: () => tf.LayersModel,
  options: FitOptions & { x?: tf.Tensor | tf.Tensor[]; y?: tf.Tensor | tf.Tensor[] } = {},
): Promise<void> {
  // With some initial weights, values are so close to a kink that rounding decides.
  setRandomSeed(tf, 1);
  const [compiled, plain] = twins(make);
  // Constraints apply when weights are set, but not when they are created.
  compiled.setWeights(plain.getWeights());
  const { x: inputs = x, y: targets = y, ...rest } = options;
  const own = await fit(compiled, inputs, targets, { ...quiet, ...rest, jitCompile: true });
  const theirs = await fit(plain, inputs, targets, { ...quiet, ...rest, jitCompile: false });
  assert.deepEqual(describeStep(compiled), { isCompiled: true });
  assert.equal(describeStep(plain).isCompiled, false);
  assert.deepEqual(Object.keys(own.history), Object.keys(theirs.history));
  for (const [key, values] of Object.entries(theirs.history)) {
    assert.ok(furthest(own.history[key] as number[], values as number[]) < 2e-6, key);
  }
  assert.ok(furthest(weightsOf(compiled), weightsOf(plain)) < 2e-6, "weights");
}

/** Make another cpu backend, which has no memory of earlier steps. */
function restartCpu(): void {
  const factory = tf.findBackendFactory("cpu");
  tf.removeBackend("cpu");
  tf.registerBackend("cpu", factory);
  tf.setBackend("cpu");
}

function warnings(t: TestContext): string[] {
  const warned: string[] = [];
  t.mock.method(console, "warn", (text: string) => void warned.push(text));
  return warned;
}

for (const backend of ["cpu", "wasm"] as const) {
  describe(`A compiled step on ${backend} compared with TensorFlow.js`, () => {
    before(() => useBackend(tf, backend));
    after(() => useBackend(tf, "cpu"));

    const activations = [
      "elu",
      "hardSigmoid",
      "linear",
      "relu",
      "relu6",
      "selu",
      "sigmoid",
      "softmax",
      "softplus",
      "softsign",
      "swish",
      "tanh",
    ] as const;
    for (const activation of activations) {
      it(`A compiled step equals TensorFlow.js with the activation ${activation}`, () =>
        compare(() => {
          const model = tf.sequential({
            layers: [
              tf.layers.dense({ units: 6, inputShape: [5], activation }),
              tf.layers.dense({ units: 3 }),
              tf.layers.activation({ activation }),
              tf.layers.dense({ units: 1 }),
            ],
          });
          model.compile({ optimizer: tf.train.sgd(0.05), loss: "meanSquaredError" });
          return model;
        }));
    }

    it("A compiled step equals TensorFlow.js with sample weights and class weights", async () => {
      const sampleWeight = tf.randomUniform([rows], 0, 2, "float32", 3);
      await compare(network, { sampleWeight });
      const classes = tf.tidy(() => x.argMax(1).toFloat().expandDims(1));
      const make = () => {
        const model = tf.sequential({
          layers: [tf.layers.dense({ units: 5, inputShape: [5], activation: "softmax" })],
        });
        model.compile({
          optimizer: "sgd",
          loss: "sparseCategoricalCrossentropy",
          metrics: ["accuracy"],
        });
        return model;
      };
      await compare(make, { y: classes, classWeight: { 0: 2, 1: 1, 2: 1, 3: 0.5, 4: 1 } });
    });

    it("A compiled step equals TensorFlow.js with weights of rows, of steps and of steps with an axis of their own", async () => {
      const make = (loss: string, units: number) => () => {
        const model = tf.sequential({
          layers: [
            tf.layers.dense({ units: 8, inputShape: [5] }),
            tf.layers.reshape({ targetShape: [2, 2, 2] }),
            tf.layers.dense({ units, activation: "sigmoid" }),
          ],
        });
        model.compile({ optimizer: tf.train.sgd(0.1), loss });
        return model;
      };
      const weights = (...shape: number[]) =>
        tf.randomUniform([rows, ...shape], 0, 2, "float32", 3);
      const plain = tf.zeros([rows, 2, 2, 3]);
      for (const shape of [[], [1], [2], [2, 2], [2, 2, 1]]) {
        await compare(make("meanSquaredError", 3), { y: plain, sampleWeight: weights(...shape) });
      }
      await compare(make("sparseCategoricalCrossentropy", 4), {
        y: tf.zeros([rows, 2, 2, 1]),
        sampleWeight: weights(2, 2),
      });
    });

    it("A compiled step equals TensorFlow.js with metrics that read class numbers as values", async () => {
      const classes = tf.tidy(() => x.argMax(1).toFloat().expandDims(1));
      const make = () => {
        const model = tf.sequential({
          layers: [tf.layers.dense({ units: 5, inputShape: [5], activation: "softmax" })],
        });
        const metrics = ["mse", "mae", "accuracy"];
        model.compile({ optimizer: "sgd", loss: "sparseCategoricalCrossentropy", metrics });
        return model;
      };
      await compare(make, { y: classes });
    });

    it("A compiled step equals TensorFlow.js with custom losses and metrics, called once per batch", async () => {
      let calls = 0;
      const loss = (yTrue: tf.Tensor, yPred: tf.Tensor) => {
        calls++;
        return tf.losses.huberLoss(yTrue as tf.Tensor2D, yPred as tf.Tensor2D);
      };
      const worst = (yTrue: tf.Tensor, yPred: tf.Tensor) => yTrue.sub(yPred).abs().max();
      await compare(() => network({ loss, metrics: [worst, "cosine"] }));
      assert.equal(calls, 2 * 2 * Math.ceil(rows / quiet.batchSize));
    });

    it("A compiled step equals TensorFlow.js with a custom loss that does not depend on its output", async () => {
      const make = (losses: unknown[], penalized = false) => () => {
        const input = tf.input({ shape: [5] });
        const hidden = tf.layers.dense({ units: 3, activation: "tanh" }).apply(input);
        const kernelRegularizer = penalized ? "l1l2" : undefined;
        const heads = losses.map((_, i) =>
          tf.layers.dense({ units: 1, kernelRegularizer, name: `head${i}` }).apply(hidden)
        );
        const model = tf.model({ inputs: input, outputs: heads as tf.SymbolicTensor[] });
        // TensorFlow.js's types do not allow names and functions together.
        model.compile({ optimizer: tf.train.sgd(0.1), loss: losses as string[] });
        return model;
      };
      const constant = () => tf.scalar(2);
      const targets = (yTrue: tf.Tensor) => yTrue;
      await compare(make(["meanSquaredError", constant, targets]), { y: [y, y, y] });
      await compare(make([constant], true));
      for (const losses of [[constant], [constant, targets]]) {
        for (const jitCompile of [true, false]) {
          const run = fit(make(losses)(), x, losses.map(() => y), { ...quiet, jitCompile });
          await assert.rejects(run, /Cannot (find a connection|compute gradient)/);
        }
      }
    });

    it("A compiled step equals TensorFlow.js with regularizers while all layers are frozen", () =>
      compare(() => {
        const layer = tf.layers.dense({ units: 1, inputShape: [5], kernelRegularizer: "l1l2" });
        layer.trainable = false;
        const model = tf.sequential({ layers: [layer] });
        model.compile({ optimizer: "sgd", loss: "meanSquaredError" });
        return model;
      }));

    it("A compiled step equals TensorFlow.js with regularizers and constraints", () =>
      compare(() => {
        const model = tf.sequential({
          layers: [
            tf.layers.dense({
              units: 4,
              inputShape: [5],
              kernelRegularizer: tf.regularizers.l1l2({ l1: 0.01, l2: 0.02 }),
              biasRegularizer: "l1l2",
            }),
            tf.layers.dense({ units: 1, kernelConstraint: tf.constraints.nonNeg() }),
          ],
        });
        model.compile({ optimizer: tf.train.sgd(0.1), loss: "meanSquaredError" });
        return model;
      }));

    it("A compiled step equals TensorFlow.js with several inputs and outputs, a shared layer, a nested model and a value read twice", () =>
      compare(() => {
        const a = tf.input({ shape: [5] });
        const b = tf.input({ shape: [5] });
        const shared = tf.layers.dense({ units: 4, activation: "tanh", name: "shared" });
        const [left, right] = [shared.apply(a), shared.apply(b)] as tf.SymbolicTensor[];
        const inner = tf.sequential({
          layers: [
            tf.layers.reshape({ targetShape: [2, 2], inputShape: [4] }),
            tf.layers.dense({ units: 3 }),
            tf.layers.flatten(),
          ],
        });
        const outputs = [
          tf.layers.dense({ units: 1, name: "left" }).apply(inner.apply(left)),
          tf.layers.dense({ units: 1, name: "right" }).apply(right),
          left,
        ] as tf.SymbolicTensor[];
        const model = tf.model({ inputs: [a, b], outputs });
        model.compile({
          optimizer: tf.train.momentum(0.05, 0.9),
          loss: ["meanSquaredError", "meanAbsoluteError", "meanSquaredError"],
        });
        return model;
      }, { x: [x, tf.tidy(() => x.mul(2))], y: [y, y, tf.zeros([rows, 4])] }));

    it("A compiled step equals TensorFlow.js with integer inputs, and with batches of different sizes", async () => {
      await compare(network, { x: tf.randomUniform([rows, 5], 0, 9, "int32", 2) });
      for (const batchSize of [1, 3, 64]) await compare(network, { batchSize });
    });

    it("A compiled step equals TensorFlow.js with clipped gradients, averaged weights and a custom optimizer", async () => {
      await compare(() => {
        const optimizer = tf.train.adam(0.01);
        clipGradients(optimizer, { globalClipNorm: 0.1 });
        return network({ optimizer });
      });
      class Halving extends tf.SGDOptimizer {
        override applyGradients(gradients: Parameters<tf.SGDOptimizer["applyGradients"]>[0]) {
          const list = gradients as { name: string; tensor: tf.Tensor }[];
          super.applyGradients(
            list.map(({ name, tensor }) => ({ name, tensor: tf.tidy(() => tensor.div(2)) })),
          );
        }
      }
      await compare(() => network({ optimizer: new Halving(0.1) }));
      await compare(
        () => network({ optimizer: exponentialMovingAverage(tf.train.sgd(0.1)) }),
        { callbacks: [new SwapEMAWeights({ swapOnEpoch: true })] },
      );
    });

    it("A compiled step equals TensorFlow.js with frozen layers, and layers that are frozen between two batches", async () => {
      await compare(() => {
        const model = network();
        model.layers[0].trainable = false;
        model.compile({ optimizer: "adam", loss: "meanSquaredError" });
        return model;
      });
      class Freeze extends Callback {
        override onTrainBatchEnd(batch: number): void {
          const layers = (this.model as unknown as tf.LayersModel).layers;
          if (batch === 2) layers[0].trainable = !layers[0].trainable;
        }
      }
      await compare(network, { callbacks: [new Freeze()] });
    });

    it("A compiled step equals TensorFlow.js when a callback changes a layer between two batches", async () => {
      class Anneal extends Callback {
        override onTrainBatchEnd(batch: number): void {
          const [dense, dropout] = (this.model as unknown as tf.LayersModel).layers as unknown as {
            rate: number;
            activation: unknown;
          }[];
          if (batch === 2) dropout.rate = 0.1;
          if (batch === 4) {
            dense.activation = tf.layers.activation({ activation: "tanh" })["activation" as never];
          }
        }
      }
      const make = () => {
        const model = tf.sequential({
          layers: [
            tf.layers.dense({ units: 7, inputShape: [5], activation: "relu" }),
            tf.layers.dropout({ rate: 0.6 }),
            tf.layers.dense({ units: 1 }),
          ],
        });
        model.compile({ optimizer: tf.train.sgd(0.1), loss: "meanSquaredError" });
        return model;
      };
      await compare(make, { callbacks: [new Anneal()], epochs: 1 });
    });

    it("A compiled step equals TensorFlow.js when a callback compiles the model again", async () => {
      class Again extends Callback {
        override onEpochBegin(epoch: number): void {
          if (epoch !== 1) return;
          const model = this.model as unknown as tf.LayersModel;
          model.compile({ optimizer: tf.train.sgd(0.1), loss: "meanAbsoluteError" });
        }
      }
      const make = () => network({ metrics: [] });
      const [compiled, plain] = twins(make);
      await fit(compiled, x, y, { ...quiet, callbacks: [new Again()] });
      await fit(plain, x, y, { ...quiet, callbacks: [new Again()], jitCompile: false });
      assert.ok(furthest(weightsOf(compiled), weightsOf(plain)) < 2e-6);
    });

    it("A compiled step equals TensorFlow.js in evaluate and predict", async () => {
      const model = network();
      const common = { verbose: 0, batchSize: 7 } as const;
      const [own, theirs] = [
        await evaluate(model, x, y, { ...common, jitCompile: true }),
        await evaluate(model, x, y, { ...common, jitCompile: false }),
      ];
      assert.ok(furthest(Object.values(own), Object.values(theirs)) < 2e-6);
      const predicted = await predict(model, x, { ...common, jitCompile: true }) as tf.Tensor;
      const expected = await predict(model, x, { ...common, jitCompile: false }) as tf.Tensor;
      assert.deepEqual(predicted.shape, expected.shape);
      assert.ok(furthest(predicted.dataSync(), expected.dataSync()) < 2e-6);
    });
  });

  describe(`A compiled step on ${backend} and other tensors`, () => {
    before(() => useBackend(tf, backend));
    after(() => useBackend(tf, "cpu"));

    it("A compiled step does not change clones of weights, arrays that were read, and other variables of a tensor", async () => {
      const model = network();
      const [kernel] = model.getWeights();
      const kept = kernel.clone();
      const before = Array.from(kept.dataSync());
      const read = kernel.dataSync();
      const first = tf.variable(kernel);
      const second = tf.variable(kernel);
      class Keep extends Callback {
        clone: tf.Tensor | undefined;
        values: number[] = [];
        override onTrainBatchEnd(batch: number): void {
          if (batch !== 3) return;
          this.clone = (this.model as unknown as tf.LayersModel).getWeights()[0].clone();
          this.values = Array.from(this.clone.dataSync());
        }
      }
      const keep = new Keep();
      await fit(model, x, y, { ...quiet, jitCompile: true, callbacks: [keep] });
      for (const one of [kept, first, second]) assert.deepEqual(Array.from(one.dataSync()), before);
      assert.deepEqual(Array.from(read), before);
      assert.deepEqual(Array.from(keep.clone!.dataSync()), keep.values);
      assert.notDeepEqual(Array.from(model.getWeights()[0].dataSync()), before);
    });

    it("A compiled step does not change the best weights that EarlyStopping keeps", async () => {
      const model = network({ optimizer: tf.train.sgd(0.1) });
      const stop = new EarlyStopping({
        monitor: "loss",
        mode: "max",
        patience: 3,
        restoreBestWeights: true,
      });
      let best: number[] = [];
      class First extends Callback {
        override onEpochEnd(epoch: number): void {
          if (epoch === 0) best = weightsOf(this.model as unknown as tf.LayersModel);
        }
      }
      const options = { ...quiet, epochs: 9, callbacks: [new First(), stop] };
      await fit(model, x, y, { ...options, jitCompile: true });
      assert.equal(stop.bestEpoch, 0);
      assert.deepEqual(weightsOf(model), best);
    });

    it("A compiled step does not change a model that shares a layer, except for that layer", async () => {
      const shared = tf.layers.dense({ units: 3, inputShape: [5] });
      const [a, b] = [0, 1].map(() => {
        const model = tf.sequential({ layers: [shared, tf.layers.dense({ units: 1 })] });
        model.compile({ optimizer: "sgd", loss: "meanSquaredError" });
        return model;
      });
      const own = Array.from(b.getWeights()[2].dataSync());
      await fit(a, x, y, { ...quiet, jitCompile: true });
      assert.deepEqual(Array.from(b.getWeights()[2].dataSync()), own);
      assert.deepEqual(b.getWeights()[0].dataSync(), a.getWeights()[0].dataSync());
    });
  });
}

describe("The memory of a compiled step on cpu", () => {
  it("The memory of a compiled step on cpu is reused by the next run, and never by two at once", async (t) => {
    restartCpu();
    const { mock } = t.mock.method(WebAssembly, "Instance");
    const model = network();
    const options = { ...quiet, jitCompile: true, validationData: [x, y] } as const;
    await fit(model, x, y, options);
    const made = mock.callCount();
    await fit(model, x, y, options);
    await evaluate(model, x, y, { verbose: 0 });
    (await predict(model, x, { verbose: 0 }) as tf.Tensor).dispose();
    assert.equal(mock.callCount(), made);
    const [nested, plain] = twins(network);
    const other = network();
    class Nested extends Callback {
      override async onTrainBatchEnd(batch: number): Promise<void> {
        if (batch !== 1) return;
        await fit(other, x, y, quiet);
        await evaluate(other, x, y, { verbose: 0 });
      }
    }
    await fit(nested, x, y, { ...options, callbacks: [new Nested()] });
    await fit(plain, x, y, options);
    mock.restore();
    assert.deepEqual(weightsOf(nested), weightsOf(plain));
  });
});

describe("The check of a compiled step", () => {
  let calls = 0;
  const Regularizer = Object.getPrototypeOf(tf.regularizers.l2().constructor) as new () => object;
  class Counting extends Regularizer {
    static className = "CountingPenalty";
    apply(weight: tf.Tensor): tf.Scalar {
      calls++;
      return weight.square().sum();
    }
  }

  it("The check of a compiled step runs once for equal models, and again for another batch size or loss", async () => {
    /** How often TensorFlow.js computes the penalty of a model in a run. */
    const callsIn = async (
      width: number,
      options: Partial<FitOptions>,
      loss = "meanSquaredError",
    ) => {
      calls = 0;
      const kernelRegularizer = new Counting() as ReturnType<typeof tf.regularizers.l2>;
      const model = tf.sequential({
        layers: [
          tf.layers.dense({ units: width, inputShape: [5], kernelRegularizer }),
          tf.layers.dense({ units: 1 }),
        ],
      });
      model.compile({ optimizer: "sgd", loss });
      await fit(model, x, y, { ...quiet, ...options, jitCompile: true });
      return calls;
    };
    const first = await callsIn(11, {});
    assert.equal(await callsIn(11, {}), first - 1);
    assert.equal(await callsIn(12, {}), first);
    // Its first rows are computed before the whole batch.
    assert.equal(await callsIn(11, { batchSize: 50, epochs: 14 }), first + 1);
    assert.equal(await callsIn(11, {}, "meanAbsoluteError"), first);
    assert.equal(await callsIn(11, {}), first - 1);
  });

  it("The check of a compiled step computes 8 rows with TensorFlow.js, and all rows for a custom loss", async () => {
    const relu = tf.getKernel("Relu", "cpu");
    const seen: number[] = [];
    tf.unregisterKernel("Relu", "cpu");
    tf.registerKernel({
      ...relu,
      kernelFunc: (given) => {
        seen.push(given.inputs.x!.shape[0]);
        return relu.kernelFunc(given);
      },
    });
    try {
      const options = { ...quiet, batchSize: 50, jitCompile: true } as const;
      await fit(network(), x, y, options);
      assert.deepEqual(seen, [8]);
      const loss = (yTrue: tf.Tensor, yPred: tf.Tensor) => yTrue.sub(yPred).square().mean();
      await fit(network({ loss }), x, y, options);
      assert.deepEqual(seen, [8, 50]);
    } finally {
      tf.unregisterKernel("Relu", "cpu");
      tf.registerKernel(relu);
    }
  });
});

describe("A step that TensorFlow.js computes", () => {
  class Twice extends tf.layers.Layer {
    static className = "Twice";
    override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
      return tf.tidy(() => [inputs].flat()[0].mul(2));
    }
    override computeOutputShape(shape: tf.Shape): tf.Shape {
      return shape;
    }
  }
  const withLayer = (layer: tf.layers.Layer) => {
    const model = tf.sequential({
      layers: [
        tf.layers.dense({ units: 4, inputShape: [5] }),
        layer,
        tf.layers.dense({ units: 1 }),
      ],
    });
    model.compile({ optimizer: "sgd", loss: "meanSquaredError" });
    return model;
  };

  it("TensorFlow.js computes a step with an unknown layer, which describeStep reports before and after a run", async () => {
    const model = withLayer(new Twice({ name: "twice" }));
    const description = { isCompiled: false, reason: "the layer twice (Twice) is not compiled" };
    assert.deepEqual(describeStep(model), description);
    await fit(model, x, y, quiet);
    assert.deepEqual(describeStep(model), description);
    await assert.rejects(fit(model, x, y, { ...quiet, jitCompile: true }), {
      name: "TypeError",
      message: /^Cannot compile the step: the layer twice \(Twice\) is not compiled$/,
    });
  });

  it("TensorFlow.js computes a step with jitCompile false; anything but true, false and auto is rejected", async () => {
    const model = network();
    await fit(model, x, y, { ...quiet, jitCompile: false });
    assert.deepEqual(describeStep(model), { isCompiled: false, reason: "jitCompile is false" });
    await assert.rejects(fit(model, x, y, { ...quiet, jitCompile: "yes" as "auto" }), RangeError);
  });

  it("TensorFlow.js computes a step with a layer that does not match its name, after a warning", async (t) => {
    const warned = warnings(t);
    class False extends Twice {
      static override className = "Softmax";
    }
    const [ours, theirs] = twins(() => withLayer(new False({})));
    await fit(ours, x, y, quiet);
    await fit(theirs, x, y, { ...quiet, jitCompile: false });
    assert.deepEqual(weightsOf(ours), weightsOf(theirs));
    assert.match(warned.join("\n"), /the compiled step is not used: its .* differs from that of/);
    assert.equal(describeStep(ours).isCompiled, false);
  });

  it("TensorFlow.js computes a step of an equal model after a class of its layers was changed, and a warning", async (t) => {
    const warned = warnings(t);
    const [compiled, ours, theirs] = [network(), ...twins(network)];
    await fit(compiled, x, y, { ...quiet, jitCompile: true });
    await predict(compiled, x, { verbose: 0 });
    const dense = Object.getPrototypeOf(compiled.layers[0]) as tf.layers.Layer;
    const { call } = dense;
    dense.call = function (...given) {
      return tf.tidy(() => (call.apply(this, given) as tf.Tensor).mul(2));
    };
    try {
      const predicted = await predict(ours, x, { verbose: 0 }) as tf.Tensor;
      const expected = await predict(theirs, x, { verbose: 0, jitCompile: false }) as tf.Tensor;
      assert.deepEqual(predicted.dataSync(), expected.dataSync());
      await fit(ours, x, y, quiet);
      await fit(theirs, x, y, { ...quiet, jitCompile: false });
    } finally {
      dense.call = call;
    }
    assert.deepEqual(weightsOf(ours), weightsOf(theirs));
    assert.match(warned[0], /the compiled step is not used: its output differs from that of/);
    assert.equal(warned.length, 2);
  });

  it("TensorFlow.js computes a step of an equal model after one of its kernels was replaced, and a warning", async (t) => {
    const warned = warnings(t);
    const [compiled, ours] = twins(network);
    await fit(compiled, x, y, { ...quiet, jitCompile: true });
    const relu = tf.getKernel("Relu", "cpu");
    tf.unregisterKernel("Relu", "cpu");
    tf.registerKernel({ ...relu, kernelFunc: tf.getKernel("Relu6", "cpu").kernelFunc });
    try {
      await fit(ours, tf.tidy(() => x.mul(100)), y, quiet);
    } finally {
      tf.unregisterKernel("Relu", "cpu");
      tf.registerKernel(relu);
    }
    assert.match(warned[0], /the compiled step is not used: its .* differs from that of/);
  });

  it("TensorFlow.js computes a step with a layer whose method was replaced", () => {
    const model = network();
    const [first] = model.layers;
    first.call = first.call.bind(first);
    assert.equal(describeStep(model).isCompiled, false);
  });

  it("TensorFlow.js computes a step with an optimizer that computes its own gradients", async () => {
    class Own extends tf.SGDOptimizer {
      override minimize(...given: Parameters<tf.SGDOptimizer["minimize"]>) {
        return super.minimize(...given);
      }
    }
    const model = network({ optimizer: new Own(0.1) });
    await fit(model, x, y, quiet);
    assert.match(describeStep(model).reason!, /its own minimize/);
  });

  it("TensorFlow.js computes a step if WebAssembly cannot be instantiated", async (t) => {
    restartCpu();
    const { mock } = t.mock.method(WebAssembly, "Instance", function () {
      throw new EvalError("refused by a policy");
    });
    const model = network();
    await fit(model, x, y, quiet);
    mock.restore();
    assert.deepEqual(describeStep(model), {
      isCompiled: false,
      reason: "WebAssembly with SIMD is not available: refused by a policy",
    });
  });

  it("TensorFlow.js computes a step with a custom loss whose targets do not have the shape of a compiled metric", async () => {
    const loss = (yTrue: tf.Tensor, yPred: tf.Tensor) => yTrue.mean().sub(yPred).square();
    const make = () => network({ loss, metrics: ["mae"] });
    const wide = tf.randomNormal([rows, 3], 0, 1, "float32", 7);
    const [ours, theirs] = twins(make);
    const own = await fit(ours, x, wide, quiet);
    const plain = await fit(theirs, x, wide, { ...quiet, jitCompile: false });
    assert.deepEqual(own.history, plain.history);
    assert.deepEqual(weightsOf(ours), weightsOf(theirs));
  });

  it("TensorFlow.js computes a step if there is not enough memory for a compiled one", async (t) => {
    restartCpu();
    const { mock } = t.mock.method(WebAssembly.Memory.prototype, "grow", () => {
      throw new RangeError("no more");
    });
    const make = () => {
      const model = tf.sequential({
        layers: [
          tf.layers.dense({ units: 5000, inputShape: [5] }),
          tf.layers.dense({ units: 1 }),
        ],
      });
      model.compile({ optimizer: "sgd", loss: "meanSquaredError" });
      return model;
    };
    const [ours, theirs] = twins(make);
    await fit(ours, x, y, quiet);
    await fit(theirs, x, y, { ...quiet, jitCompile: false });
    assert.match(describeStep(ours).reason!, /^there is not enough memory for the step: \d+ MiB$/);
    const predicted = await predict(ours, x, { verbose: 0 }) as tf.Tensor;
    mock.restore();
    assert.deepEqual(predicted.shape, [rows, 1]);
    assert.deepEqual(weightsOf(ours), weightsOf(theirs));
  });
});
