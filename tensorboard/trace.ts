/** One kernel that ran. */
export interface KernelRun {
  /** Name of the kernel, for example `MatMul`. */
  name: string;
  /** When it was started, in milliseconds since the recording began. */
  start: number;
  /** How long its call took on the host, kernels inside of it included, in milliseconds. */
  hostMillis: number;
  /** How long it ran itself, as its backend says, without kernels inside of it, in milliseconds. */
  millis: number;
  inputShapes: number[][];
  outputShapes: number[][];
}

/** One batch that was recorded. */
export interface BatchRun {
  /** Global train batch, counted from 1. */
  batch: number;
  /** In milliseconds since the recording began. */
  start: number;
  /** In milliseconds. */
  millis: number;
}

/** What a recording holds. */
export interface Recording {
  /** The backend that ran the kernels. */
  backend: string;
  /** In the order of their start. */
  kernels: KernelRun[];
  batches: BatchRun[];
  /** The most that all tensors took at once, in bytes. */
  peakBytes: number;
}

/** All runs of one kernel. */
export interface KernelTotal {
  name: string;
  calls: number;
  /** In milliseconds. */
  millis: number;
  /** Part of the time of all kernels, 0 to 1. */
  share: number;
}

/**
 * A recording as JSON in Chrome's trace event format, which Perfetto and `chrome://tracing` open:
 * batches on one track, the kernels below them, nested as they were called.
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

/** The time of each kernel over a recording, the longest first. */
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

/** A table of totals in Markdown, as TensorBoard's text page shows it. */
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

/** The format counts in microseconds. */
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
