import type * as tf from "@tensorflow/tfjs";
import type { Engine } from "../engine.ts";
import { type FormulaName, formulas } from "./formula.ts";
import { assign, type Cell, scalarsOf, type Storage } from "./job.ts";
import { blockSize, maxBlocks, shaderOf, uniformsOf } from "./shader.ts";

/** The used part of tfjs's webgpu backend. */
export interface DeviceBackend {
  readonly device: Device;
  readonly queue: { writeBuffer(buffer: object, offset: number, data: BufferSource): void };
  /** Commands that have not been submitted yet. */
  readonly commandEncoder: CommandEncoder | null;
  computePassEncoder: ComputePass | null;
  /** Number of dispatches that have not been submitted yet. */
  dispatchCountInPass: number;
  /** Values that the commands use: their buffers are reused after the submission. */
  readonly commandQueueOwnedIds: WeakSet<tf.DataId>;
  readonly uniformPendingDisposal: object[];
  readonly bufferManager: {
    readonly numBytesUsed: number;
    acquireBuffer(size: number, usage: number): object;
  };
  readonly tensorMap: { get(dataId: tf.DataId): DeviceData };
  ensureCommandEncoderReady(): void;
  endComputePassEncoder(): void;
  submitQueue(): void;
  makeTensorInfo(shape: number[], dtype: tf.DataType, values?: Int32Array): tf.TensorInfo;
  disposeData(dataId: tf.DataId): boolean;
  uploadToGPU(dataId: tf.DataId): void;
  read(dataId: tf.DataId): Promise<unknown>;
}

interface DeviceData {
  /** The buffer, once there is one. */
  resource?: object | null;
  /** Values on the host: not uploaded yet, or read before. */
  values?: unknown;
  refCount: number;
  /** Whether the buffer is the user's. */
  external?: boolean;
}

interface Device {
  readonly limits: { readonly maxStorageBuffersPerShaderStage: number };
  createShaderModule(descriptor: { code: string }): object;
  createComputePipeline(
    descriptor: { layout: "auto"; compute: { module: object; entryPoint: string } },
  ): Pipeline;
  createBindGroup(descriptor: {
    layout: object;
    entries: { binding: number; resource: Resource }[];
  }): object;
  pushErrorScope(filter: "validation"): void;
  popErrorScope(): Promise<{ message: string } | null>;
}

interface Resource {
  buffer: object;
  /** Bytes. */
  size: number;
}

interface Pipeline {
  getBindGroupLayout(index: number): object;
}

interface CommandEncoder {
  beginComputePass(): ComputePass;
  copyBufferToBuffer(from: object, fromAt: number, to: object, toAt: number, size: number): void;
}

interface ComputePass {
  setPipeline(pipeline: Pipeline): void;
  setBindGroup(index: number, group: object): void;
  dispatchWorkgroups(x: number, y: number): void;
}

/** Usage of a uniform buffer, the same as of tfjs's own, which are reused: `COPY_DST | UNIFORM`. */
const uniformUsage = 0x8 | 0x40;

/** Maximum number of variables in a dispatch, where a device has more bindings than that. */
const maxVariables = 16;

/**
 * In place on the device, in the backend's own compute pass and so in the order of its other
 * kernels; storage that is not the variable's alone is copied before. A dispatch updates as many
 * variables as the device has bindings for.
 */
export function onDevice(engine: Engine, backend: DeviceBackend): Storage {
  const isRead = followReads(backend);
  const pipelineOf = pipelinesOn(backend.device);
  const { maxStorageBuffersPerShaderStage } = backend.device.limits;
  const run: Storage["run"] = (name, jobs, scalars) => {
    const updated = jobs.filter(({ gradient }) => gradient.size > 0);
    const gradients = new Set(updated.map(({ gradient }) => gradient.dataId));
    const copies: { cell: Cell; info: tf.TensorInfo }[] = [];
    /** The buffer of a cell's values, to be written. */
    const writable = (cell: Cell): object => {
      const { resource, refCount, external, values } = dataOf(backend, cell);
      const { dataId, shape } = cell;
      // A binding that is written may be bound only once.
      if (refCount === 1 && !external && !isRead(dataId) && !gradients.has(dataId)) {
        if (values) backend.tensorMap.get(dataId).values = null;
        return resource;
      }
      const info = backend.makeTensorInfo(shape, "float32");
      const copy = dataOf(backend, info).resource;
      backend.ensureCommandEncoderReady();
      backend.endComputePassEncoder();
      backend.commandEncoder!.copyBufferToBuffer(resource, 0, copy, 0, 4 * cell.size);
      copies.push({ cell, info });
      return copy;
    };
    const groups = updated.map(({ cells, gradient }) =>
      [...cells.map(writable), dataOf(backend, gradient).resource]
        .map((buffer) => ({ buffer, size: 4 * gradient.size }))
    );
    const uniforms = makeUniforms(backend, scalars);
    const perVariable = formulas[name].arrays.length;
    const most = Math.floor(maxStorageBuffersPerShaderStage / perVariable);
    const step = Math.max(1, Math.min(most, maxVariables));
    for (let start = 0; start < updated.length; start += step) {
      const some = updated.slice(start, start + step);
      const blocks = some.reduce((sum, one) => sum + Math.ceil(one.gradient.size / blockSize), 0);
      const resources = [uniforms, ...groups.slice(start, start + step).flat()];
      dispatch(backend, pipelineOf(name, some.length), resources, blocks);
    }
    for (const { cell, info } of copies) {
      assign(cell, engine.makeTensorFromTensorInfo(info, backend));
    }
    // As after each of the backend's own kernels.
    if (backend.dispatchCountInPass >= submitLimit(engine)) submit(backend);
  };
  return { run, ...scalarsOf(engine) };
}

/** Submit the pending commands. */
export function submit(backend: DeviceBackend): void {
  if (backend.commandEncoder === null) return;
  backend.endComputePassEncoder();
  backend.submitQueue();
}

/** The data of a tensor on the device, for commands to be submitted. */
export function dataOf(
  backend: DeviceBackend,
  { dataId }: { dataId: tf.DataId },
): DeviceData & { resource: object } {
  backend.uploadToGPU(dataId);
  // Its buffer may not be reused before.
  backend.commandQueueOwnedIds.add(dataId);
  return backend.tensorMap.get(dataId) as DeviceData & { resource: object };
}

function submitLimit(engine: Engine): number {
  const { ENV } = engine as Engine & { ENV: { getNumber(flag: string): number } };
  return ENV.getNumber("WEBGPU_DEFERRED_SUBMIT_BATCH_SIZE");
}

/**
 * Track which values are being read. A completed read caches its result, so later reads would return
 * the old values if they changed in the meantime.
 */
function followReads(backend: DeviceBackend): (dataId: tf.DataId) => boolean {
  const reads = new Map<tf.DataId, number>();
  const { read } = backend;
  backend.read = async (dataId) => {
    reads.set(dataId, (reads.get(dataId) ?? 0) + 1);
    try {
      return await read.call(backend, dataId);
    } finally {
      const left = reads.get(dataId)! - 1;
      if (left > 0) reads.set(dataId, left);
      else reads.delete(dataId);
    }
  };
  return (dataId) => reads.has(dataId);
}

function pipelinesOn(device: Device): (name: FormulaName, count: number) => Pipeline {
  const pipelines = new Map<string, Pipeline>();
  return (name, count) => {
    const key = `${name} ${count}`;
    let pipeline = pipelines.get(key);
    if (pipeline === undefined) {
      const module = device.createShaderModule({ code: shaderOf(formulas[name], count) });
      const compute = { module, entryPoint: "main" };
      pipeline = device.createComputePipeline({ layout: "auto", compute });
      pipelines.set(key, pipeline);
    }
    return pipeline;
  };
}

/** A uniform buffer of the backend, released with the next submission. */
function makeUniforms(backend: DeviceBackend, scalars: readonly number[]): Resource {
  const values = uniformsOf(scalars);
  const buffer = backend.bufferManager.acquireBuffer(values.byteLength, uniformUsage);
  backend.queue.writeBuffer(buffer, 0, values);
  backend.uniformPendingDisposal.push(buffer);
  return { buffer, size: values.byteLength };
}

/** Run a pipeline in the compute pass of the backend. */
export function dispatch(
  backend: DeviceBackend,
  pipeline: Pipeline,
  resources: Resource[],
  blocks: number,
): void {
  const group = backend.device.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: resources.map((resource, binding) => ({ binding, resource })),
  });
  backend.ensureCommandEncoderReady();
  backend.computePassEncoder ??= backend.commandEncoder!.beginComputePass();
  const pass = backend.computePassEncoder;
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, group);
  pass.dispatchWorkgroups(Math.min(blocks, maxBlocks), Math.ceil(blocks / maxBlocks));
  backend.dispatchCountInPass++;
}
