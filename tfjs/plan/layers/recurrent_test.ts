import { describe, it } from "node:test";
import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { fit } from "keepfit";
import { furthest, twins, weightsOf } from "../../../training/fixtures.ts";
import { planAgrees, planThrows, seedWeights, start } from "../fixtures.ts";

const { layers } = tf;

type Args = {
  units: number;
  returnSequences?: boolean;
  returnState?: boolean;
  [more: string]: unknown;
};
const kinds = ["lstm", "gru", "simpleRNN"] as const;
type Kind = typeof kinds[number];

// TensorFlow.js cannot create an orthogonal 1 x 1 matrix.
const recurrent = (kind: Kind, args: Args) =>
  layers[kind]({ recurrentInitializer: "glorotNormal", ...args } as never) as tf.layers.Layer;

/** Creates a model with trained layers below and above a recurrent layer. */
function network(inputShape: number[], layer: () => tf.layers.Layer): () => tf.LayersModel {
  return () => {
    const inputs = tf.input({ shape: inputShape });
    const below = layers.dense({ units: inputShape[1] }).apply(inputs);
    const made = [layer().apply(below)].flat() as tf.SymbolicTensor[];
    const outputs = made.map((one) => layers.dense({ units: 2 }).apply(one) as tf.SymbolicTensor);
    return tf.model({ inputs, outputs });
  };
}

describe("A compiled recurrent layer", () => {
  for (const kind of kinds) {
    // TensorFlow.js has no gradient of a single time step.
    for (const [steps, size, units] of [[2, 1, 1], [4, 3, 5], [7, 5, 8], [3, 2, 11]]) {
      for (const returnSequences of [false, true]) {
        const what = returnSequences ? "sequences" : "the last output";
        it(`${kind} of ${steps} steps, ${units} units and ${what} matches TensorFlow.js`, () =>
          planAgrees(
            kind,
            network([steps, size], () => recurrent(kind, { units, returnSequences })),
          ));
      }
    }

    for (
      const args of [
        { goBackwards: true },
        { goBackwards: true, returnSequences: true },
        { returnState: true },
        { returnState: true, returnSequences: true },
        { returnState: true, returnSequences: true, goBackwards: true },
        { useBias: false },
        { unitForgetBias: false },
        { trainable: false },
        { dropout: 0.3 },
        { dropout: 0.3, goBackwards: true, returnSequences: true },
        ...kind === "gru"
          ? []
          : [{ recurrentDropout: 0.3 }, { dropout: 0.2, recurrentDropout: 0.4 }],
      ]
    ) {
      it(`${kind} with ${Object.keys(args)} matches TensorFlow.js`, () =>
        planAgrees(kind, network([5, 3], () => recurrent(kind, { units: 6, ...args }))));
    }

    for (
      const activation of ["linear", "relu", "relu6", "elu", "selu", "sigmoid", "hardSigmoid"]
        .concat(["tanh", "softplus", "softsign", "swish"])
    ) {
      it(`${kind} with the activation ${activation} matches TensorFlow.js`, () =>
        planAgrees(
          kind,
          network(
            [3, 2],
            () => recurrent(kind, { units: 5, activation, recurrentActivation: activation }),
          ),
          // Unbounded gates lead to differences of large numbers.
          { tolerance: 1e-5 },
        ));
    }

    it(`${kind} whose state is the only output in use matches TensorFlow.js`, () =>
      planAgrees(kind, () => {
        const inputs = tf.input({ shape: [4, 3] });
        const made = recurrent(kind, { units: 5, returnState: true, returnSequences: true })
          .apply(inputs) as tf.SymbolicTensor[];
        const outputs = layers.dense({ units: 2 }).apply(made.at(-1)!) as tf.SymbolicTensor;
        return tf.model({ inputs, outputs });
      }));

    it(`${kind} stacked on itself and shared matches TensorFlow.js`, () =>
      planAgrees(kind, () => {
        const inputs = tf.input({ shape: [4, 3] });
        const shared = recurrent(kind, { units: 3, returnSequences: true });
        const top = recurrent(kind, { units: 4 });
        const outputs = top.apply(shared.apply(shared.apply(inputs))) as tf.SymbolicTensor;
        return tf.model({ inputs, outputs });
      }));

    for (
      const [args, reason] of [
        [{ stateful: true, batchInputShape: [2, 3, 2] }, /stateful/],
        [{ activation: "softmax" }, /softmax is not compiled in recurrent/],
        [{ dropout: 0.1 }, /TensorFlow\.js draws/],
      ] as const
    ) {
      it(`${kind} with ${Object.keys(args)} is not compiled`, () =>
        planThrows(
          () =>
            tf.sequential({
              layers: [recurrent(kind, { units: 3, inputShape: [3, 2], ...args })],
            }),
          reason,
        ));
    }
  }
});

describe("A compiled recurrent layer with an initial state", () => {
  for (const kind of kinds) {
    for (const args of [{}, { returnSequences: true, goBackwards: true }]) {
      it(`${kind} with an initial state and [${Object.keys(args)}] matches TensorFlow.js`, () =>
        planAgrees(kind, () => {
          const [source, target] = [tf.input({ shape: [4, 3] }), tf.input({ shape: [3, 2] })];
          const encoder = recurrent(kind, { units: 4, returnState: true });
          const [, ...initialState] = encoder.apply(source) as tf.SymbolicTensor[];
          const decoder = recurrent(kind, { units: 4, ...args });
          const decoded = decoder.apply(target, { initialState } as object) as tf.SymbolicTensor;
          const outputs = layers.dense({ units: 2 }).apply(decoded) as tf.SymbolicTensor;
          return tf.model({ inputs: [source, target], outputs });
        }));
    }
  }
});

describe("A compiled Bidirectional", () => {
  for (const kind of kinds) {
    for (const mergeMode of ["concat", "sum", "ave", "mul", null] as const) {
      for (
        const args of [{}, { returnSequences: true }, { returnState: true }, { dropout: 0.3 }, {
          returnSequences: true,
          goBackwards: true,
        }]
      ) {
        it(`Bidirectional ${kind} with mergeMode ${mergeMode} and [${Object.keys(args)}] matches TensorFlow.js`, () =>
          planAgrees(
            kind,
            network([5, 3], () =>
              layers.bidirectional({
                layer: recurrent(kind, { units: 4, ...args }) as tf.RNN,
                mergeMode: mergeMode as "concat",
              })),
          ));
      }
    }
  }
});

describe("fit with compiled recurrent layers", () => {
  for (const backend of ["cpu", "wasm"] as const) {
    for (const kind of kinds) {
      it(`fit of compiled ${kind} layers has the weights of TensorFlow.js after 100 steps on ${backend}`, async () => {
        await start(backend);
        const [compiled, plain] = twins(() => {
          const model = tf.sequential({
            layers: [
              recurrent(kind, { units: 5, inputShape: [6, 3], returnSequences: true }),
              layers.dropout({ rate: 0.2 }),
              layers.bidirectional({
                layer: recurrent(kind, { units: 4, dropout: 0.1 }) as tf.RNN,
              }),
              layers.dense({ units: 1 }),
            ],
          });
          model.compile({ optimizer: tf.train.sgd(0.05), loss: "meanSquaredError" });
          return model;
        });
        for (const model of [compiled, plain]) seedWeights(model);
        const x = tf.randomNormal([39, 6, 3], 0, 1, "float32", 1);
        const y = tf.tidy(() => x.sum([1, 2]).tanh().expandDims(1));
        const options = { epochs: 20, batchSize: 8, seed: 1, verbose: 0 } as const;
        const own = await fit(compiled, x, y, { ...options, jitCompile: true });
        const theirs = await fit(plain, x, y, { ...options, jitCompile: false });
        assert(furthest(own.history.loss as number[], theirs.history.loss as number[]) < 2e-6);
        const difference = furthest(weightsOf(compiled), weightsOf(plain));
        assert(difference < 1e-6, `${difference}`);
        await start("cpu");
      });
    }
  }
});
