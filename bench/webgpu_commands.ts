/**
 * What a training step of 32 rows with Adam asks of WebGPU: kernels of TensorFlow.js, dispatches,
 * compute passes, submissions, uploads and new buffers, and the processor time of asking, of bare
 * TensorFlow.js and of keepfit. Counts are those of any card; a driver in software computes on the
 * processor too, so that its time says nothing.
 *
 * ```sh
 * deno run -A bench/webgpu_commands.ts      # or: node --import tsx, bun
 * ```
 */
import * as tf from "@tensorflow/tfjs";
import { readFileSync } from "node:fs";
import process from "node:process";
import { fit } from "keepfit";
import { describeBackend, useBackend } from "keepfit/runtime";
import { convnet, data, perceptron } from "./networks.ts";

const networks: Record<string, () => tf.LayersModel> = {
  "8-16-1": () => perceptron([8, 16, 1]),
  "784-128-10": () => perceptron([784, 128, 10]),
  "MNIST convnet": convnet,
};

/** Calls since they were last read. */
const counts: Record<string, number> = {};

type Method = (...args: unknown[]) => unknown;

/** Count the calls of a method, on this object alone. */
function count(of: object, method: string, as: string, seen?: (result: object) => void): void {
  const owner = of as Record<string, Method>;
  const original = owner[method];
  counts[as] ??= 0;
  owner[method] = (...args) => {
    counts[as]++;
    const result = original.apply(of, args);
    seen?.(result as object);
    return result;
  };
}

/** Microseconds of the processor that this thread has taken; NaN where Linux does not tell. */
function mainThreadTime(): number {
  try {
    const [nanoseconds] = readFileSync(`/proc/self/task/${process.pid}/schedstat`, "utf8").split(
      " ",
    );
    return Number(nanoseconds) / 1000;
  } catch {
    return NaN;
  }
}

await useBackend(tf, "webgpu");
console.log(describeBackend(tf).text.split("\n").slice(0, 2).join("; "));
const { device, queue } = tf.backend() as unknown as { device: object; queue: object };
count(tf.engine(), "runKernel", "kernels");
count(device, "createCommandEncoder", "encoders", (encoder) => {
  count(encoder, "beginComputePass", "passes", (pass) => {
    count(pass, "dispatchWorkgroups", "dispatches");
  });
  count(encoder, "copyBufferToBuffer", "copies");
});
count(device, "createBuffer", "buffers");
count(device, "createBindGroup", "bindings");
count(queue, "submit", "submissions");
count(queue, "writeBuffer", "writes");

const columns = ["kernels", "dispatches", "passes", "submissions", "copies", "writes", "buffers"];
console.log(["".padEnd(24), ...columns.map((one) => one.padStart(11)), "µs of asking"].join(" "));
const [warmUp, steps] = [8, 32];
for (const [network, make] of Object.entries(networks)) {
  for (const side of ["tfjs", "keepfit"] as const) {
    const model = make();
    const [x, y] = data(model, 32 * steps);
    const few = [x.slice(0, 32 * warmUp), y.slice(0, 32 * warmUp)];
    const run = async (xs: tf.Tensor, ys: tf.Tensor) => {
      const options = { batchSize: 32, verbose: 0, shuffle: false } as const;
      if (side === "keepfit") await fit(model, xs, ys, options);
      else await model.fit(xs, ys, options);
    };
    await run(few[0], few[1]);
    await run(few[0], few[1]);
    for (const name of Object.keys(counts)) counts[name] = 0;
    const began = mainThreadTime();
    await run(x, y);
    const microseconds = (mainThreadTime() - began) / steps;
    const perStep = columns.map((name) => (counts[name] / steps).toFixed(1).padStart(11));
    console.log(
      `${`${network}, ${side}`.padEnd(24)} ${perStep.join(" ")} ${
        microseconds.toFixed().padStart(12)
      }`,
    );
    tf.dispose([x, y, few]);
    model.dispose();
  }
}
process.exit(0);
