/**
 * A training process for `kill.ts`. It prints the number of each trained batch, from 1, and finally
 * its results.
 */
import { getRuntime } from "keepfit/runtime";
import { type Kind, train } from "./training.ts";

const { args, fs, terminal } = getRuntime();
const [kind, directory] = args;
let optimizer: { iterations: number };
const outcome = await train(JSON.parse(kind) as Kind, fs, directory, [{
  setModel(model) {
    optimizer = (model as unknown as { optimizer: typeof optimizer }).optimizer;
  },
  onTrainBatchEnd: () => terminal.write(`batch ${optimizer.iterations}\n`),
}]);
terminal.write(`made ${JSON.stringify(outcome)}\n`);
