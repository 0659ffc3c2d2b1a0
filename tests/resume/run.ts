/**
 * A training process for `kill.ts`. It prints the number of each trained batch, from 1, and finally
 * its results.
 */
import { getRuntime } from "keepfit/runtime";
import { type Kind, train } from "./training.ts";

const { args, fs, terminal } = getRuntime();
const [kind, directory, pause = "0"] = args;
let optimizer: { iterations: number };
const outcome = await train(JSON.parse(kind) as Kind, fs, directory, [{
  setModel(model) {
    optimizer = (model as unknown as { optimizer: typeof optimizer }).optimizer;
  },
  // As with a larger model, whose batches take longer than the files of the harness.
  onTrainBatchBegin: () => new Promise((resolve) => setTimeout(resolve, Number(pause))),
  onTrainBatchEnd: () => terminal.write(`batch ${optimizer.iterations}\n`),
}]);
terminal.write(`made ${JSON.stringify(outcome)}\n`);
