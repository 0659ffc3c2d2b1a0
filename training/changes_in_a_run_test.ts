import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { describeStep, evaluate, fit, predict, setRandomSeed } from "keepfit";
import { useBackend } from "keepfit/backend";
import { furthest, twins, weightsOf } from "./fixtures.ts";

const rows = 40;
const options = { verbose: 0, epochs: 2, batchSize: 8, seed: 1 } as const;

/** A layer with the fields that its type hides. */
type Fields = tf.layers.Layer & { [field: string]: unknown };

interface Change {
  layers(): tf.layers.Layer[];
  /** Called after the third batch of the first epoch, and after that of the second. */
  change(layers: Fields[], model: tf.LayersModel, epoch: number): void;
  optimizer?: () => tf.Optimizer;
  /** What the weights are like at the end. Default: anything. */
  leaves?(weights: number[]): boolean;
  /** Whether TensorFlow.js computes the steps at the end. */
  isUncompiled?: boolean;
}

const { layers, regularizers, constraints, train } = tf;
const dense = (args: object = {}) =>
  layers.dense({ units: 6, inputShape: [4, 3], activation: "tanh", ...args });
const compile = (model: tf.LayersModel, optimizer: tf.Optimizer, loss = "meanSquaredError") =>
  model.compile({ optimizer, loss });

const changes: Record<string, Change> = {
  "the noiseShape of a dropout in place": {
    layers: () => [dense(), layers.dropout({ rate: 0.4, noiseShape: [null, 1, 6] as number[] })],
    change: ([, dropout]) => (dropout.noiseShape as number[])[1] = 4,
  },
  "a noiseShape where there was none": {
    layers: () => [dense(), layers.dropout({ rate: 0.4 })],
    change: ([, dropout]) => dropout.noiseShape = [null, 1, 6],
  },
  "the seed of a dropout, with which TensorFlow.js draws": {
    layers: () => [dense(), layers.dropout({ rate: 0.4 })],
    change: ([, dropout]) => dropout.seed = 3,
    isUncompiled: true,
  },
  "the dropout of a recurrent cell": {
    layers: () => [layers.lstm({ units: 3, inputShape: [4, 3], returnSequences: true })],
    change: ([{ cell }]) => (cell as Fields).dropout = 0.5,
  },
  "the activation of a layer inside of TimeDistributed": {
    layers: () => [layers.timeDistributed({ layer: dense(), inputShape: [4, 3] })],
    change: ([{ layer }]) =>
      (layer as Fields).activation =
        (layers.activation({ activation: "relu" }) as unknown as Fields).activation,
  },
  "the momentum of a batch normalization": {
    layers: () => [dense(), layers.batchNormalization()],
    change: ([, normalization]) => normalization.momentum = 0.5,
  },
  "the numbers of a regularizer": {
    layers: () => [dense({ kernelRegularizer: regularizers.l2({ l2: 0.01 }) })],
    change: ([layer]) => (layer.kernelRegularizer as { l2: number }).l2 = 0.5,
  },
  "the losses of a layer, by another regularizer": {
    layers: () => [dense()],
    change: ([layer], _, epoch) => {
      if (epoch > 0) return;
      const { kernel } = layer as unknown as { kernel: { read(): tf.Variable } };
      (layer as unknown as { addLoss(loss: () => tf.Scalar): void })
        .addLoss(() => regularizers.l1({ l1: 0.1 }).apply(kernel.read()) as tf.Scalar);
    },
  },
  "the regularizer field of a built layer, which has no effect": {
    layers: () => [dense()],
    change: ([layer]) => layer.kernelRegularizer = regularizers.l2({ l2: 1 }),
  },
  "the constraint of a weight": {
    layers: () => [dense({ kernelConstraint: constraints.maxNorm({ maxValue: 1 }) })],
    change: ([{ kernel }]) => (kernel as Fields).constraint = constraints.nonNeg(),
  },
  "the constraint of a weight that had none": {
    layers: () => [dense()],
    change: ([{ kernel, bias }]) => {
      (kernel as Fields).constraint = constraints.unitNorm({});
      (bias as Fields).constraint = constraints.nonNeg();
    },
    // The kernel has 3 rows of 6.
    leaves: (weights) => weights.slice(18, 24).every((bias) => bias >= 0),
  },
  "trainable of a layer": {
    layers: () => [dense(), layers.batchNormalization()],
    change: ([layer]) => layer.trainable = !layer.trainable,
  },
  "trainable of a batch normalization": {
    layers: () => [dense(), layers.batchNormalization()],
    change: ([, normalization]) => normalization.trainable = !normalization.trainable,
  },
  "trainable of a recurrent layer": {
    layers: () => [layers.gru({ units: 3, inputShape: [4, 3], returnSequences: true })],
    change: ([layer]) => layer.trainable = !layer.trainable,
  },
  "trainable of all layers": {
    layers: () => [dense()],
    change: (_, model, epoch) => {
      for (const layer of model.layers) layer.trainable = epoch > 0;
    },
  },
  "a weight of a layer for that of another": {
    layers: () => [dense({ units: 3 }), layers.dense({ units: 3 })],
    change: ([first, second]) => [first.bias, second.bias] = [second.bias, first.bias],
  },
  "the momentum and the rate of an optimizer": {
    layers: () => [dense()],
    optimizer: () => train.momentum(0.05, 0.9),
    change: (_, { optimizer }) => {
      (optimizer as unknown as { m: tf.Scalar }).m = tf.keep(tf.scalar(0.1));
      (optimizer as unknown as { setLearningRate(rate: number): void }).setLearningRate(0.2);
    },
  },
  "the numbers of Adam": {
    layers: () => [dense()],
    optimizer: () => train.adam(0.01),
    change: (_, { optimizer }) => Object.assign(optimizer, { learningRate: 0.1, beta1: 0.5 }),
  },
  "the optimizer": {
    layers: () => [dense()],
    change: (_, model) =>
      (model as unknown as { optimizer: tf.Optimizer }).optimizer = train.rmsprop(0.01),
  },
  "optimizer and loss by compile": {
    layers: () => [dense()],
    change: (_, model) => compile(model, train.adam(0.02), "meanAbsoluteError"),
  },
  "what is trained by compile": {
    layers: () => [dense(), layers.batchNormalization()],
    optimizer: () => train.momentum(0.05, 0.9),
    change: ([layer], model, epoch) => {
      layer.trainable = epoch > 0;
      compile(model, model.optimizer);
    },
  },
  "a method of a layer": {
    layers: () => [dense()],
    change: ([layer]) => {
      const call = layer.call.bind(layer);
      layer.call = (...given) => tf.tidy(() => (call(...given) as tf.Tensor).mul(2));
    },
    isUncompiled: true,
  },
};

for (const backend of ["cpu", "wasm"] as const) {
  describe(`A compiled step on ${backend}`, () => {
    before(() => useBackend(tf, backend));
    after(() => useBackend(tf, "cpu"));

    for (
      const [what, { layers: make, change, optimizer, leaves, isUncompiled = false }] of entries()
    ) {
      it(`A compiled step follows a callback that changes ${what}`, async () => {
        setRandomSeed(tf, 5);
        const x = tf.randomNormal([rows, 4, 3]);
        const y = tf.tidy(() => x.sum(2, true).tanh());
        const [compiled, plain] = twins(() => {
          const [first, ...rest] = make();
          const model = tf.sequential({ layers: [first, ...rest, layers.dense({ units: 1 })] });
          compile(model, optimizer?.() ?? train.sgd(0.05));
          return model;
        });
        const start = weightsOf(compiled);
        const run = (model: tf.LayersModel, jitCompile: boolean | "auto") => {
          let epoch = -1;
          return fit(model, x, y, {
            ...options,
            jitCompile,
            callbacks: {
              onEpochBegin: (number) => void (epoch = number),
              onTrainBatchEnd: (batch) =>
                batch === 2 ? change(model.layers as Fields[], model, epoch) : undefined,
            },
          });
        };
        const own = await run(compiled, isUncompiled ? "auto" : true);
        assert.equal(describeStep(compiled).isCompiled, !isUncompiled);
        const theirs = await run(plain, false);
        assert.ok(furthest(own.history.loss, theirs.history.loss) < 2e-6, "losses");
        assert.ok(furthest(weightsOf(compiled), weightsOf(plain)) < 2e-6, "weights");
        assert.ok(furthest(weightsOf(compiled), start) > 1e-4, "nothing is trained");
        assert.ok(leaves?.(weightsOf(compiled)) ?? true, "what the change makes of the weights");
      });
    }
  });
}

function entries(): [string, Change][] {
  return Object.entries(changes);
}

describe("A compiled step", () => {
  it("A compiled step follows a callback that changes the backend", async () => {
    await useBackend(tf, "wasm");
    const [compiled, plain] = twins(() => {
      const model = tf.sequential({ layers: [dense(), layers.dense({ units: 1 })] });
      compile(model, train.adam(0.01));
      return model;
    });
    const x = tf.randomNormal([rows, 4, 3]);
    const y = tf.tidy(() => x.sum(2, true).tanh());
    const run = (model: tf.LayersModel, jitCompile: boolean) =>
      fit(model, x, y, {
        ...options,
        jitCompile,
        callbacks: {
          onTrainBatchEnd: async (batch) => {
            if (batch !== 2) return;
            await tf.setBackend(tf.getBackend() === "cpu" ? "wasm" : "cpu");
            // The data moves there, and the heap of wasm grows.
            tf.dispose([x.sum(), tf.zeros([2 ** 22])]);
          },
        },
      });
    await run(compiled, true);
    assert.deepEqual(describeStep(compiled), { isCompiled: true });
    await run(plain, false);
    assert.ok(furthest(weightsOf(compiled), weightsOf(plain)) < 2e-6);
    await useBackend(tf, "cpu");
  });
});

describe("A run whose model or optimizer is disposed", () => {
  const x = tf.ones([rows, 4, 3]);
  const y = tf.ones([rows, 4, 6]);
  const make = () => {
    const model = tf.sequential({ layers: [dense()] });
    compile(model, train.adam(0.01));
    return model;
  };
  const hooks = ["onTrainBegin", "onEpochBegin", "onTrainBatchBegin", "onTestEnd"] as const;
  const parts: [what: RegExp, dispose: (model: tf.LayersModel) => void][] = [
    [/^Cannot continue: the model was disposed/, (model) => void model.dispose()],
    [/^Cannot continue: the model was disposed/, () => tf.disposeVariables()],
    [/^Cannot continue: the optimizer Adam was disposed/, ({ optimizer }) => optimizer.dispose()],
  ];

  for (const jitCompile of [true, false]) {
    it(`A run whose model or optimizer is disposed in a hook ends with an error that says so, jitCompile: ${jitCompile}`, async () => {
      for (const hook of hooks) {
        for (const [message, dispose] of parts) {
          const model = make();
          const callbacks = { [hook]: () => dispose(model) };
          const given = {
            ...options,
            jitCompile,
            callbacks,
            validationData: [x, y] as [never, never],
          };
          await assert.rejects(fit(model, x, y, given), { name: "TypeError", message }, hook);
        }
      }
    });
  }

  it("A run whose model is disposed in a hook ends with an error that says so, in evaluate and predict", async () => {
    const message = "Cannot continue: the model was disposed during the run";
    for (const run of [evaluate, predict] as const) {
      const model = make();
      const callbacks = [
        { onTestBatchBegin: () => void model.dispose() },
        { onPredictBatchBegin: () => void model.dispose() },
      ];
      const { verbose } = options;
      const result = run === predict
        ? predict(model, x, { verbose, callbacks })
        : evaluate(model, x, y, { verbose, callbacks });
      await assert.rejects(result, { name: "TypeError", message });
    }
  });

  it("A run whose model is disposed keeps the error of a hook and the reason of a signal", async () => {
    const model = make();
    const onEpochBegin = () => {
      model.dispose();
      throw new Error("mine");
    };
    await assert.rejects(
      fit(model, x, y, { ...options, callbacks: { onEpochBegin } }),
      /failed in onEpochBegin .*: mine$/,
    );
    const [other, controller] = [make(), new AbortController()];
    const onTrainBatchEnd = () => {
      other.dispose();
      controller.abort(new Error("enough"));
    };
    const { signal } = controller;
    await assert.rejects(
      fit(other, x, y, { ...options, signal, callbacks: { onTrainBatchEnd } }),
      /^Error: enough$/,
    );
  });
});
