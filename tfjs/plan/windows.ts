import { PlanError } from "./plan_error.ts";

/** Sliding windows along one axis of an image. */
export interface Axis {
  /** Size of the image, in pixels. */
  input: number;
  /** Number of windows. */
  output: number;
  /** Size of a window, in pixels. */
  size: number;
  /** Distance between neighboring windows, in pixels. */
  stride: number;
  /** Distance between neighboring pixels of a window, in pixels. */
  dilation: number;
  /** Padding in front of the image, in pixels. */
  paddingBefore: number;
}

/**
 * The axes of an image: rows and columns, after the planes of a volume. A sequence is an image with
 * one row.
 */
export type Axes = readonly Axis[];

/** Margins and size of a zero-padded image along each axis, in pixels. */
export interface Padded {
  before: number[];
  sizes: number[];
}

/** Pixels read by each window, as indices of pixels in a padded image. */
export interface Windows {
  /** Base pixel of each window. */
  starts: number[];
  /** Offset of each pixel of a window from its base pixel. */
  taps: number[];
}

/** Windows on the gradient of the output, one for each of some pixels of the input. */
export interface Phase extends Windows {
  /** Index of the weight of each tap. */
  weights: number[];
  /** Pixel of the input whose gradient each window computes. */
  pixels: number[];
}

/**
 * Windows along an axis with a padding of TensorFlow.js.
 *
 * @throws PlanError for a padding other than `valid` and `same`
 */
export function axisOf(
  input: number,
  size: number,
  stride: number,
  dilation: number,
  padding: string,
): Axis {
  const extent = (size - 1) * dilation + 1;
  if (padding === "valid") {
    const output = Math.ceil((input - extent + 1) / stride);
    return { input, output, size, stride, dilation, paddingBefore: 0 };
  }
  if (padding !== "same") throw new PlanError(`the padding ${padding} is not compiled`);
  const output = Math.ceil(input / stride);
  const outside = Math.max(0, (output - 1) * stride + extent - input);
  return { input, output, size, stride, dilation, paddingBefore: Math.floor(outside / 2) };
}

/** An axis of size 1 with one window: the rows of a sequence. */
export const flatAxis: Axis = {
  input: 1,
  output: 1,
  size: 1,
  stride: 1,
  dilation: 1,
  paddingBefore: 0,
};

const range = (count: number) => Array.from({ length: count }, (_, i) => i);

/** Index of each combination of positions along the axes of an array, in row-major order. */
function combine(positions: readonly number[][], sizes: readonly number[]): number[] {
  let all = [0];
  positions.forEach((along, axis) => {
    const inner: number[] = [];
    for (const outer of all) for (const i of along) inner.push(outer * sizes[axis] + i);
    all = inner;
  });
  return all;
}

/** The windows of the forward pass. */
export function forwardWindows(axes: Axes): { padded: Padded; windows: Windows } {
  const sizes = axes.map(({ input, output, size, stride, dilation, paddingBefore }) => {
    const end = (output - 1) * stride + (size - 1) * dilation + 1 - paddingBefore;
    return paddingBefore + Math.max(input, end);
  });
  const along = (of: (axis: Axis) => number[]) => combine(axes.map(of), sizes);
  return {
    padded: { before: axes.map(({ paddingBefore }) => paddingBefore), sizes },
    windows: {
      starts: along(({ output, stride }) => range(output).map((i) => i * stride)),
      taps: along(({ size, dilation }) => range(size).map((i) => i * dilation)),
    },
  };
}

/** Indices of the pixels that windows read. */
export function pixelsRead(axes: Axes): number[] {
  const along = axes.map(({ input, output, size, stride, dilation, paddingBefore }) =>
    range(input).filter((pixel) =>
      range(size).some((tap) => {
        const start = pixel + paddingBefore - tap * dilation;
        return start % stride === 0 && start >= 0 && start / stride < output;
      })
    )
  );
  return combine(along, axes.map(({ input }) => input));
}

/**
 * The pixels of an axis that are congruent modulo the stride, and so are reached by the same
 * weights.
 */
interface AxisPhase {
  /** Pixels of the input. */
  pixels: number[];
  /** For each pixel, the window that reads it with the first weight. */
  windows: number[];
  /** Weights that reach the pixels. */
  weights: number[];
  /** For each weight, how many windows before that one it reads the pixel. */
  earlier: number[];
}

function phasesOf({ input, size, stride, dilation, paddingBefore }: Axis): AxisPhase[] {
  const rest = (position: number) => position % stride;
  return range(stride).map((phase) => {
    const pixels = range(input).filter((i) => rest(i + paddingBefore) === phase);
    const weights = range(size).filter((u) => rest(u * dilation) === phase);
    return {
      pixels,
      windows: pixels.map((i) => Math.floor((i + paddingBefore) / stride)),
      weights,
      earlier: weights.map((u) => Math.floor(u * dilation / stride)),
    };
  }).filter(({ pixels }) => pixels.length > 0);
}

/**
 * Divide a phase where windows begin or end, so that no weight is outside of them. Pixels at the
 * borders are read by fewer weights.
 */
function withoutPadding({ pixels, windows, weights, earlier }: AxisPhase, axis: Axis): AxisPhase[] {
  const parts: (AxisPhase & { key: string })[] = [];
  pixels.forEach((pixel, i) => {
    const used = range(weights.length).filter((j) => {
      const window = windows[i] - earlier[j];
      return window >= 0 && window < axis.output;
    });
    const key = String(used);
    let part = parts.at(-1);
    if (part?.key !== key) {
      const [own, before] = [weights, earlier].map((list) => used.map((j) => list[j]));
      parts.push(part = { key, pixels: [], windows: [], weights: own, earlier: before });
    }
    part.pixels.push(pixel);
    part.windows.push(windows[i]);
  });
  return parts;
}

/** Number of phases above which calls cost more than they save. */
const maxPhases = 32;
/** Products per channel that pay for packing the weights of one tap, in small batches too. */
const packingCost = 2.5;

/** The phases of each axis: divided at the borders, unless that costs more than it saves. */
function choosePhases(axes: Axes): AxisPhase[][] {
  const whole = axes.map(phasesOf);
  const divided = whole.map((phases, i) => phases.flatMap((one) => withoutPadding(one, axes[i])));
  const count = (all: AxisPhase[][], of: (phase: AxisPhase) => number): number =>
    all.reduce((product, phases) => product * phases.reduce((sum, one) => sum + of(one), 0), 1);
  const products = ({ pixels, weights }: AxisPhase) => pixels.length * weights.length;
  const taps = ({ weights }: AxisPhase) => weights.length;
  const saved = count(whole, products) - count(divided, products);
  const packed = count(divided, taps) - count(whole, taps);
  return count(divided, () => 1) <= maxPhases && saved > packingCost * packed ? divided : whole;
}

/**
 * The windows of the backward pass, on the gradient of the output. Each pixel of the input is in
 * one phase, or in none if no window of the forward pass reads it.
 */
export function backwardWindows(axes: Axes): { padded: Padded; phases: Phase[] } {
  const phasesOfAxes = choosePhases(axes);
  const extents = axes.map((axis, i) => {
    const reached = phasesOfAxes[i].filter(({ weights }) => weights.length > 0);
    const first = Math.min(0, ...reached.map((one) => one.windows[0] - one.earlier.at(-1)!));
    const last = Math.max(
      axis.output - 1,
      ...reached.map((one) => one.windows.at(-1)! - one.earlier[0]),
    );
    return { before: 0 - first, size: last - first + 1 };
  });
  const before = extents.map((extent) => extent.before);
  const sizes = extents.map(({ size }) => size);
  const phases = combinations(phasesOfAxes).map((phase): Phase => {
    // Taps are relative to the earliest window, so that none is negative.
    const [back] = combine(phase.map(({ earlier }) => [earlier.at(-1) ?? 0]), sizes);
    const windows = phase.map(({ windows }, axis) => windows.map((i) => i + before[axis]));
    return {
      starts: combine(windows, sizes).map((start) => start - back),
      taps: combine(phase.map(({ earlier }) => earlier), sizes).map((tap) => back - tap),
      weights: combine(phase.map(({ weights }) => weights), axes.map(({ size }) => size)),
      pixels: combine(phase.map(({ pixels }) => pixels), axes.map(({ input }) => input)),
    };
  });
  return { padded: { before, sizes }, phases: phases.filter(({ taps }) => taps.length > 0) };
}

/** Every way to choose one element of each list. */
function combinations<T>(lists: readonly T[][]): T[][] {
  return lists.reduce<T[][]>(
    (all, list) => all.flatMap((chosen) => list.map((one) => [...chosen, one])),
    [[]],
  );
}
