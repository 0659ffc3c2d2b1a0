import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { useBackend } from "keepfit";
import { explainUnknownNames, namesOf } from "./compile_hints.ts";

await useBackend(tf, "cpu");

const sequential = () =>
  tf.sequential({ layers: [tf.layers.dense({ units: 3, inputShape: [4] })] });

function functional() {
  const input = tf.input({ shape: [4] });
  const output = tf.layers.dense({ units: 3 }).apply(input) as tf.SymbolicTensor;
  return tf.model({ inputs: input, outputs: output });
}

describe("model.compile after useBackend", () => {
  for (const [kind, make] of [["Sequential", sequential], ["functional", functional]] as const) {
    it(`model.compile of a ${kind} model suggests the nearest optimizer, loss and metric`, () => {
      const told = (args: object) => {
        const model = make();
        try {
          model.compile({ optimizer: "sgd", loss: "meanSquaredError", ...args } as never);
          return "compiled";
        } catch (error) {
          return (error as Error).message;
        } finally {
          model.dispose();
        }
      };
      const near = (name: string) => `: did you mean '${name}'?`;
      assert.equal(told({ optimizer: "Adamm" }), `Unknown Optimizer Adamm${near("adam")}`);
      for (
        const [loss, name] of [
          ["categorical_crossentropy", "categoricalCrossentropy"],
          ["MeanSquaredError", "meanSquaredError"],
          ["mse", "meanSquaredError"],
          ["kl_divergence", "kullbackLeiblerDivergence"],
        ]
      ) {
        assert.equal(told({ loss }), `Unknown loss ${loss}${near(name)}`);
      }
      assert.equal(told({ metrics: ["acuracy"] }), `Unknown metric acuracy${near("accuracy")}`);
      assert.equal(
        told({ metrics: ["mean_squared_error"] }),
        `Unknown metric mean_squared_error${near("mse")}`,
      );
      assert.match(
        told({ loss: "xyzzy" }),
        /^Unknown loss xyzzy: available are meanSquaredError, /,
      );
      assert.match(told({ loss: { other: "hinge" } }), /^Unknown entry in loss dictionary[^:]*: /);
      assert.equal(told({}), "compiled");
    });
  }

  it("model.compile suggests only names that TensorFlow.js accepts", () => {
    const refused = (args: object) => {
      const model = sequential();
      try {
        model.compile({ optimizer: "sgd", loss: "meanSquaredError", ...args } as never);
        return false;
      } catch {
        return true;
      } finally {
        model.dispose();
      }
    };
    assert.deepEqual(namesOf.loss.filter((loss) => refused({ loss })), []);
    assert.deepEqual(namesOf.metric.filter((one) => refused({ metrics: [one] })), []);
    assert.deepEqual(namesOf.Optimizer.filter((optimizer) => refused({ optimizer })), []);
  });

  it("model.compile is patched once, and not without layers", () => {
    const { compile } = tf.LayersModel.prototype;
    explainUnknownNames(tf);
    assert.equal(tf.LayersModel.prototype.compile, compile);
    explainUnknownNames({} as typeof tf);
  });
});
