import { Callback, type CallbackOptions } from "../core/callback.ts";
import { getRuntime } from "../runtime/mod.ts";
import type { Terminal } from "../runtime/types.ts";
import { callbackOptions, checkOptions, flag, type OptionRule, terminalRule } from "./options.ts";

/** Options of {@linkcode ModelSummary}. */
export interface ModelSummaryOptions extends CallbackOptions {
  /** Whether to show the layers of nested models, indented. Default: false. */
  expandNested?: boolean;
  /** Maximum width of the table in characters, 40 or more. Default: that of the terminal, or 80. */
  columns?: number;
  /** Terminal to print to. Default: that of the process. */
  terminal?: Terminal;
}

/**
 * Print the model's layers when training begins: their names, classes, output shapes, and numbers
 * of parameters. In a table that is too wide, the longest texts are truncated.
 *
 * The `trainable` flags are those at that time, whereas TensorFlow.js trains the layers that were
 * trainable at `compile`. A layer that is used several times is listed and counted once.
 *
 * Source: `model.summary()` of Keras, `keras/src/utils/summary_utils.py`.
 *
 * @example
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { CallbackList, ModelSummary } from "keepfit";
 * import assert from "node:assert/strict";
 *
 * const model = tf.sequential({
 *   name: "small",
 *   layers: [tf.layers.dense({ name: "out", units: 2, inputShape: [3] })],
 * });
 * const summary = new ModelSummary();
 * const list = new CallbackList([summary], { model });
 * await list.onTrainBegin();
 *
 * assert.equal(
 *   summary.text,
 *   `Model: small
 * ┌─────────────┬──────────────┬────────┬───────────┐
 * │ Layer       │ Output shape │ Params │ Trainable │
 * ├─────────────┼──────────────┼────────┼───────────┤
 * │ out (Dense) │ [null, 2]    │      8 │         8 │
 * └─────────────┴──────────────┴────────┴───────────┘
 * Params: 8 (32 B)
 * Trainable: 8
 * Not trainable: 0
 * `,
 * );
 * ```
 */
export class ModelSummary extends Callback {
  /** Name in messages and saved states. */
  static override readonly className: string = "ModelSummary";

  /** The printed text; empty before a run has begun. */
  text = "";
  #expandNested: boolean;
  #columns: number | undefined;
  #terminal: Terminal | undefined;

  /**
   * Print the model when the run begins.
   *
   * @param options content, width and terminal
   * @throws TypeError for an option of the wrong type
   * @throws RangeError for fewer than 40 `columns`
   */
  constructor(options: ModelSummaryOptions = {}) {
    super(options);
    checkOptions(this, ModelSummary, options, {
      ...callbackOptions,
      expandNested: flag,
      columns: atLeastForty,
      terminal: terminalRule,
    });
    this.#expandNested = options.expandNested ?? false;
    this.#columns = options.columns;
    this.#terminal = options.terminal;
  }

  /**
   * Print the summary.
   *
   * @throws TypeError for a model without layers
   */
  override onTrainBegin(): void {
    const model = this.model as unknown as SummedModel;
    if (!Array.isArray(model.layers) || !Array.isArray(model.weights)) {
      throw new TypeError(
        "Cannot print a summary: the model must have layers, like those of TensorFlow.js",
      );
    }
    const terminal = this.#terminal ??= getRuntime().terminal;
    const columns = this.#columns ?? Math.max(terminal.columns ?? 80, 40);
    this.text = summaryOf(model, columns, this.#expandNested);
    terminal.write(this.text);
  }
}

interface Shaped {
  readonly shape: number[];
}

interface SummedLayer {
  readonly name: string;
  readonly weights: Shaped[];
  readonly outputShape: unknown;
  /** A nested model has layers and outputs. */
  readonly layers?: SummedLayer[];
  readonly outputs?: Shaped[];
  getClassName(): string;
}

interface SummedModel extends SummedLayer {
  readonly layers: SummedLayer[];
  readonly trainableWeights: Shaped[];
}

const header = ["Layer", "Output shape", "Params", "Trainable"];

function summaryOf(model: SummedModel, columns: number, expandNested: boolean): string {
  const trainable = new Set(model.trainableWeights);
  const rows = rowsOf(model.layers, trainable, expandNested, "");
  const widths = fit([header, ...rows], columns);
  const line = (left: string, middle: string, right: string) =>
    left + widths.map((width) => "─".repeat(width + 2)).join(middle) + right;
  const row = (cells: string[]) =>
    `│ ${
      cells.map((cell, i) => {
        const short = cut(cell, widths[i]);
        return cell !== header[i] && i > 1 ? short.padStart(widths[i]) : short.padEnd(widths[i]);
      }).join(" │ ")
    } │`;
  const all = count(model.weights);
  const trained = count(model.trainableWeights);
  return [
    `Model: ${model.name}`,
    line("┌", "┬", "┐"),
    row(header),
    line("├", "┼", "┤"),
    ...rows.map(row),
    line("└", "┴", "┘"),
    // Weights are float32, or rarely int32, which also has four bytes.
    `Params: ${grouped(all)} (${inBytes(all * 4)})`,
    `Trainable: ${grouped(trained)}`,
    `Not trainable: ${grouped(all - trained)}`,
    "",
  ].join("\n");
}

function rowsOf(
  layers: SummedLayer[],
  trainable: Set<Shaped>,
  expandNested: boolean,
  indent: string,
): string[][] {
  return layers.flatMap((layer) => {
    const row = [
      indent + titleOf(layer),
      shapeOf(layer),
      grouped(count(layer.weights)),
      // A layer without parameters is neither trained nor frozen.
      layer.weights.length === 0
        ? "–"
        : grouped(count(layer.weights.filter((weight) => trainable.has(weight)))),
    ];
    const nested = expandNested ? layer.layers ?? [] : [];
    return [row, ...rowsOf(nested, trainable, expandNested, `${indent}  `)];
  });
}

/** Name and class; names generated by TensorFlow.js contain the class. */
function titleOf(layer: SummedLayer): string {
  const className = layer.getClassName();
  return layer.name.includes(className) ? layer.name : `${layer.name} (${className})`;
}

/** Output shape such as `[null, 10]`, or one for each output. */
function shapeOf(layer: SummedLayer): string {
  let shape: unknown;
  try {
    // A nested model has been called twice: when it was created, and in the enclosing model.
    shape = layer.outputs?.map((output) => output.shape) ?? layer.outputShape;
  } catch {
    // A layer that is used several times with different shapes has no single shape.
    return "multiple";
  }
  const shapes = (Array.isArray(shape) && Array.isArray(shape[0]) ? shape : [shape]) as unknown[][];
  return shapes.map((one) => `[${one.map(String).join(", ")}]`).join(" ");
}

function count(weights: Shaped[]): number {
  return weights.reduce((sum, { shape }) => sum + shape.reduce((product, n) => product * n, 1), 0);
}

/**
 * Width of each column. If the table is too wide, names are shortened first, then shapes, then
 * both.
 */
function fit(rows: string[][], columns: number): number[] {
  const widths = header.map((_, i) => Math.max(...rows.map((row) => [...row[i]].length)));
  for (const [column, least] of [[0, 12], [1, 12], [0, 4], [1, 4]]) {
    const excess = widths.reduce((sum, width) => sum + width + 3, 1) - columns;
    const spare = Math.max(widths[column] - least, 0);
    widths[column] -= Math.min(Math.max(excess, 0), spare);
  }
  return widths;
}

function cut(text: string, width: number): string {
  const characters = [...text];
  return characters.length <= width ? text : `${characters.slice(0, width - 1).join("")}…`;
}

/** 1234567 as `1,234,567`, the same in every locale. */
function grouped(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ",");
}

function inBytes(bytes: number): string {
  const units = ["B", "KB", "MB", "GB"];
  let unit = 0;
  for (; bytes >= 1024 && unit < units.length - 1; unit++) bytes /= 1024;
  return `${Number(bytes.toPrecision(3))} ${units[unit]}`;
}

const atLeastForty: OptionRule = {
  types: ["number"],
  expected: "a whole number >= 40",
  isValid: (columns: number) => Number.isSafeInteger(columns) && columns >= 40,
};
