import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isLong } from "../seeded.ts";
import { cutEverywhere } from "./exhaustive.ts";
import type { Kind } from "./training.ts";

/** Kinds of runs; the numbers are changes from one cut to the next, primes so that cuts fall anywhere. */
const kinds: [name: string, kind: Kind, stride: number][] = [
  ["saved after each epoch", {}, 43],
  ["saved after each batch, with lines of batches", { saveFreq: 1, batchLines: true }, 113],
  ["that appends to its logs", { append: true, saveFreq: 3 }, 71],
  ["with dropout and noise", { model: "dropout", saveFreq: 2 }, 113],
  ["with averages of the weights", { model: "average", saveFreq: 3 }, 113],
  ["whose checkpoints are written in the background", { background: true, saveFreq: 3 }, 89],
  ["that stops early", { stops: true, append: true }, 53],
  ["of an LSTM with dropout", { model: "lstm", saveFreq: 3 }, 149],
  ["with a convolution and batch normalization", { model: "conv", saveFreq: 2 }, 163],
  ["with two outputs", { model: "outputs", saveFreq: 3 }, 151],
  ["on a generator that runs on over epochs", { source: "steps", saveFreq: 2 }, 113],
  ["on a generator", { source: "generator", saveFreq: 3 }, 67],
  ["on a shuffled dataset", { source: "shuffled", saveFreq: 2 }, 127],
];

describe("A resumed run equals one that was never interrupted, to the last byte of its files", () => {
  for (const [name, kind, stride] of kinds) {
    for (const losesUnsynced of [false, true]) {
      it(`after a ${losesUnsynced ? "power cut" : "kill"} at any change of a file: a run ${name}`, async () => {
        const options = { stride: isLong ? 1 : stride, losesUnsynced };
        const { cuts, differences } = await cutEverywhere(kind, options);
        assert.deepEqual(differences, []);
        assert.ok(cuts > 1, `${cuts}`);
      });
    }
  }
});
