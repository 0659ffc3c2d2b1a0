import type * as tf from "@tensorflow/tfjs";
import { dataOf, type DeviceBackend, dispatch, submit } from "./device.ts";
import { blockSize } from "./shader.ts";

/**
 * Compare tensors bit by bit on the device. NaN equals NaN, with any bits. The result is a single
 * read, regardless of the number of tensors.
 *
 * @param run gives commands before the comparison. They are submitted apart from all others, because
 *   a device that refuses one refuses what is submitted with it
 * @param pairs tensors of equal size to compare after `run`; they may be disposed at once
 * @returns false also if the device refuses a command
 */
export async function haveSameBitsOnDevice(
  backend: DeviceBackend,
  run: () => void,
  pairs: () => [tf.Tensor, tf.Tensor][],
): Promise<boolean> {
  let counts: tf.TensorInfo | undefined;
  try {
    counts = backend.makeTensorInfo([2], "int32", Int32Array.of(0, 0));
    submit(backend);
    backend.device.pushErrorScope("validation");
    let error: Promise<object | null> | undefined;
    let compared: [tf.Tensor, tf.Tensor][];
    try {
      run();
      compared = pairs().filter(([{ size }]) => size > 0);
      compare(backend, compared, counts);
      submit(backend);
    } finally {
      error = backend.device.popErrorScope();
    }
    const [differences, comparisons] = await backend.read(counts.dataId) as Int32Array;
    return await error === null && differences === 0 && comparisons === compared.length;
  } catch {
    // Another version of TensorFlow.js, or a lost device.
    return false;
  } finally {
    if (counts !== undefined) backend.disposeData(counts.dataId);
  }
}

/** Count the differences, and the comparisons. */
function compare(
  backend: DeviceBackend,
  pairs: [tf.Tensor, tf.Tensor][],
  counts: tf.TensorInfo,
): void {
  const { device } = backend;
  const module = device.createShaderModule({ code: shader });
  const pipeline = device.createComputePipeline({
    layout: "auto",
    compute: { module, entryPoint: "main" },
  });
  for (const [left, right] of pairs) {
    const resources = [left, right, counts].map((one) => ({
      buffer: dataOf(backend, one).resource,
      size: 4 * (one === counts ? 2 : left.size),
    }));
    dispatch(backend, pipeline, resources, Math.ceil(left.size / blockSize));
  }
}

const shader = `
@group(0) @binding(0) var<storage, read> left: array<u32>;
@group(0) @binding(1) var<storage, read> right: array<u32>;
@group(0) @binding(2) var<storage, read_write> counts: array<atomic<u32>>;

fn isNaN(bits: u32) -> bool {
  return (bits & 0x7fffffffu) > 0x7f800000u;
}

@compute @workgroup_size(${blockSize})
fn main(
  @builtin(workgroup_id) workgroup: vec3<u32>,
  @builtin(num_workgroups) workgroups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let at = (workgroup.y * workgroups.x + workgroup.x) * ${blockSize}u + local;
  if (at == 0u) {
    atomicAdd(&counts[1], 1u);
  }
  if (at < arrayLength(&left)) {
    let a = left[at];
    let b = right[at];
    if (a != b && !(isNaN(a) && isNaN(b))) {
      atomicAdd(&counts[0], 1u);
    }
  }
}
`;
