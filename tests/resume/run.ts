/** A process that trains, for `kill.ts`: it prints a line for each batch, and at last what it has made. */
import { getRuntime } from "keepfit/runtime";
import { type Kind, train } from "./training.ts";

const { args, fs, terminal } = getRuntime();
const [kind, directory] = args;
const outcome = await train(JSON.parse(kind) as Kind, fs, directory, [
  { onTrainBatchEnd: () => terminal.write("batch\n") },
]);
terminal.write(`made ${JSON.stringify(outcome)}\n`);
