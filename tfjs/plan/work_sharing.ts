import type { Kernels } from "./kernels.ts";

/** Work that several threads can share. */
export interface SharedWork {
  /** Number of rows, columns or groups of images to compute. */
  count: number;
  /** Multiple of which each part begins. */
  unit: number;
  /** Multiply-adds of the whole work. */
  multiplyAdds: number;
  /** Number of values of the scratch memory that a part uses. */
  scratchSize: number;
  /**
   * Least size of a part, because each repeats some of the work. Parts are smaller if a thread would
   * have none. Default: 1.
   */
  partSize?: number;
}

/** Compute a part of some work. No value may depend on where the parts begin. */
export type ComputePart = (begin: number, end: number, kernels: Kernels, scratch: number) => void;

/** Shares work between the threads of a backend. */
export interface WorkSharing {
  /** Least multiply-adds that are shared; infinite with a single thread. */
  least: number;
  /**
   * Compute all parts of some work.
   *
   * @param scratch address of the scratch memory of this thread
   */
  run(work: SharedWork, scratch: number, compute: ComputePart): void;
}

/** The sharing of a single thread. */
export function noSharing(kernels: Kernels): WorkSharing {
  return {
    least: Infinity,
    run: ({ count }, scratch, compute) => compute(0, count, kernels, scratch),
  };
}

/** Creates the sharing of a thread that computes with `kernels`. */
export type ShareWith = (kernels: Kernels) => WorkSharing;

const known = new WeakMap<object, ShareWith>();

/** Let compiled steps on a backend share work between its threads. */
export function setWorkSharing(backend: object, share: ShareWith): void {
  known.set(backend, share);
}

/** How compiled steps on a backend share work. Default: not at all. */
export function workSharingOf(backend: object): ShareWith {
  return known.get(backend) ?? noSharing;
}
