import type { Block } from "./graph.ts";
import type { Maxima } from "./maxima.ts";
import type { Axes } from "./windows.ts";

/** A map of rows that is linear in the input x and in the weights w, and its gradients. */
export interface LinearMap extends LinearGradients {
  /**
   * Compute y from x and w, plus a bias, followed by relu if `isRelu`.
   *
   * @param bias address of the bias; 0 for none
   */
  forward(rows: number, x: Block, w: Block, y: Block, bias: number, isRelu: boolean): void;
  /**
   * As {@linkcode forward}, only for the pixels of y that windows read; undefined if they read all.
   *
   * @param pool windows on y
   */
  forwardWithin?(pool: Axes): LinearMap["forward"] | undefined;
  /**
   * Maxima of y; undefined if the gradients are not faster that start with them.
   *
   * @param pool windows of the maxima
   */
  maxima?(pool: Axes): Maxima | undefined;
}

/** The gradients of a linear map. */
export interface LinearGradients {
  /** Compute the gradient of `w` from that of `y`. */
  weightGradient(rows: number, x: Block, dy: Block, dw: Block): void;
  /** Compute the gradient of `x` from that of `y`. */
  inputGradient(rows: number, dy: Block, w: Block, dx: Block): void;
}
