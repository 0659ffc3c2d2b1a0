/**
 * Runs the first training step of a convnet in a new process.
 *
 * ```sh
 * node --import tsx bench/first_step.ts keepfit wasm
 * node --import tsx bench/first_step.ts tfjs         # on cpu, tfjs's default
 * ```
 */
import process from "node:process";
import * as tf from "@tensorflow/tfjs";
import { convnet, data } from "./networks.ts";

const [library, backend] = process.argv.slice(2);
if (library === "keepfit") {
  const [{ fit }, { useBackend }] = await Promise.all([
    import("keepfit"),
    import("keepfit/runtime"),
  ]);
  await useBackend(tf, backend as "cpu" | "wasm");
  const model = convnet();
  await fit(model, ...data(model, 32), { verbose: 0 });
} else {
  const model = convnet();
  await model.fit(...data(model, 32), { verbose: 0 });
}
process.exit(0);
