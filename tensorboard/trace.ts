/** A kernel that ran. */
export interface KernelRun {
  /** Name of the kernel, such as `MatMul`. */
  name: string;
  /** Start in milliseconds since the recording began. */
  start: number;
  /** Duration on the host in milliseconds, including nested kernels. */
  hostMillis: number;
  /** Duration reported by the backend in milliseconds, without nested kernels. */
  millis: number;
  inputShapes: number[][];
  outputShapes: number[][];
}

/** A recorded batch. */
export interface BatchRun {
  /** Global train batch, counted from 1. */
  batch: number;
  /** Start in milliseconds since the recording began. */
  start: number;
  /** Duration in milliseconds. */
  millis: number;
}

/** Content of a recording. */
export interface Recording {
  /** Backend that ran the kernels. */
  backend: string;
  /** Kernels in order of their start. */
  kernels: KernelRun[];
  batches: BatchRun[];
  /** Greatest total size of all tensors in bytes. */
  peakBytes: number;
}

/** Total of one kernel. */
export interface KernelTotal {
  name: string;
  calls: number;
  /** Duration in milliseconds. */
  millis: number;
  /** Share of the time of all kernels, 0 to 1. */
  share: number;
}

/**
 * A recording as JSON in Chrome's trace event format, for Perfetto and `chrome://tracing`: batches
 * on one track, with the kernels nested below.
 */
export function traceJson({ backend, kernels, batches }: Recording): string {
  const name = (what: string, value: string, tid = 1) => ({
    ph: "M",
    pid: 1,
    tid,
    name: what,
    args: { name: value },
  });
  const traceEvents: object[] = [
    name("process_name", `TensorFlow.js (${backend})`),
    name("thread_name", "batches", 1),
    name("thread_name", "kernels", 2),
    ...batches.map(({ batch, start, millis }) =>
      slice("batch", `batch ${batch}`, 1, start, millis, { batch })
    ),
    ...kernels.map(({ name, start, hostMillis, millis, inputShapes, outputShapes }) =>
      slice("kernel", name, 2, start, hostMillis, { inputShapes, outputShapes, millis })
    ),
  ];
  return JSON.stringify({ displayTimeUnit: "ms", traceEvents });
}

/** Total time of each kernel, longest first. */
export function kernelTotals(kernels: readonly KernelRun[]): KernelTotal[] {
  const totals = new Map<string, KernelTotal>();
  let all = 0;
  for (const { name, millis } of kernels) {
    const total = totals.get(name) ?? { name, calls: 0, millis: 0, share: 0 };
    total.calls++;
    total.millis += millis;
    totals.set(name, total);
    all += millis;
  }
  for (const total of totals.values()) total.share = all > 0 ? total.millis / all : 0;
  return [...totals.values()].sort((a, b) => b.millis - a.millis);
}

/** A Markdown table of totals for TensorBoard's text page. */
export function kernelTable(totals: readonly KernelTotal[]): string {
  return [
    "| kernel | calls | total ms | mean ms | share |",
    "| --- | ---: | ---: | ---: | ---: |",
    ...totals.map(({ name, calls, millis, share }) =>
      `| ${name} | ${calls} | ${millis.toFixed(3)} | ${(millis / calls).toFixed(4)} | ` +
      `${(100 * share).toFixed(1)} % |`
    ),
  ].join("\n");
}

/** A slice of a track. The format counts in microseconds. */
function slice(
  cat: string,
  name: string,
  tid: number,
  start: number,
  millis: number,
  args: object,
): object {
  return { ph: "X", pid: 1, tid, cat, name, ts: start * 1000, dur: millis * 1000, args };
}
