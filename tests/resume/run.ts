/**
 * A process that trains, for `kill.ts`: it prints the number of each batch that it has trained, from 1,
 * and at last what it has made.
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
