import { printable } from "../core/printable.ts";
import { cellsOf } from "./cells.ts";
import { breakRows, shorten } from "./progbar_rows.ts";
import { pythonExponent, pythonFixed } from "./python_format.ts";

/** Options of {@linkcode Progbar}. */
export interface ProgbarOptions {
  /** Total number of steps; null while unknown. */
  target: number | null;
  /** Start time, in milliseconds of the clock that is passed to `update`. */
  start: number;
  /** Number of steps completed before `start`, as in a resumed epoch. Default: 0. */
  before?: number;
  /** Verbosity: 1 redraws a bar, 2 writes one line at the end, 0 writes nothing. Default: 1. */
  verbose?: number;
  /** Width of the bar in cells, if there is room. Default: 20. */
  width?: number;
  /** Minimum time between two drawings in milliseconds. Default: 50. */
  interval?: number;
  /** Whether a line can be redrawn; if not, only the last one is written. Default: true. */
  isInteractive?: boolean;
  /** Whether to write colors and bold. Default: false. */
  hasColors?: boolean;
}

/** Minimum width of a bar in cells; a narrower one is omitted. */
const minBar = 4;

/** Cells reserved for the changing times, such as `59s 99ms/step`. */
const timeCells = 13;

/**
 * The text of a progress bar. It performs no output and has no clock: {@linkcode Progbar.update}
 * returns the text to write.
 *
 * On a terminal that is too narrow for bar and metrics, the bar is shortened or omitted, and never
 * grows again. Metrics that still do not fit are replaced by `…`. The last line, which is not
 * redrawn, keeps the bar and continues in the rows below.
 *
 * Source: `keras/src/utils/progbar.py`.
 *
 * @example
 * ```ts
 * import { Progbar } from "keepfit";
 * import assert from "node:assert/strict";
 *
 * const bar = new Progbar({ target: 4, start: 0, width: 8 });
 * assert.equal(bar.update(1, { loss: 0.5 }, { now: 2000 }), "\r1/4 ━━────── 6s 2s/step - loss: 0.5000");
 * ```
 */
export class Progbar {
  /** Total number of steps; null while unknown. */
  target: number | null;
  /** Values after the time, by name, in order of appearance. */
  readonly values: Map<string, number> = new Map();
  #start: number;
  #before: number;
  #verbose: number;
  #width: number;
  #interval: number;
  #isInteractive: boolean;
  #hasColors: boolean;
  #afterFirstStep: number | undefined;
  #lastDrawn = -Infinity;
  #lastCells = 0;

  /**
   * Create a bar at step 0 without drawing it.
   *
   * @param options target, format and kind of terminal
   */
  constructor(options: ProgbarOptions) {
    this.target = options.target;
    this.#start = options.start;
    this.#before = options.before ?? 0;
    this.#verbose = options.verbose ?? 1;
    this.#width = options.width ?? 20;
    this.#interval = options.interval ?? 50;
    this.#isInteractive = options.isInteractive ?? true;
    this.#hasColors = options.hasColors ?? false;
  }

  /** Current width of the bar in cells; 0 if there is no room for one. */
  get width(): number {
    return this.#width;
  }

  /** Whether an update at `now` (milliseconds) would draw, even if it is not the last. */
  isDue(now: number): boolean {
    return this.#verbose === 1 && this.#isInteractive && now - this.#lastDrawn >= this.#interval;
  }

  /**
   * Advance the bar.
   *
   * @param current completed steps
   * @param values values to show; earlier names keep their last value
   * @param at.now milliseconds
   * @param at.columns width of the terminal in cells; undefined for no limit
   * @param at.isLast true for the last update, which is always drawn and ends the line
   * @returns the text to write; empty if there is none
   */
  update(
    current: number,
    values: Record<string, number>,
    at: { now: number; columns?: number; isLast?: boolean },
  ): string {
    const { now, columns = Infinity, isLast = false } = at;
    for (const [name, value] of Object.entries(values)) this.values.set(name, value);
    const perStep = this.#secondsPerStep(current, now);
    if (this.#verbose === 2) return isLast ? this.#summary(current, now, perStep) : "";
    if (this.#verbose !== 1 || !(isLast || this.isDue(now))) return "";
    this.#lastDrawn = now;

    const time = this.target === null || isLast
      ? this.#elapsed(now)
      : formatEta(perStep * (this.target - current));
    const isKnown = this.target !== null;
    const count = isKnown ? this.#count(current) : `${String(current).padStart(7)}/Unknown`;
    const step = formatStep(perStep);
    const metrics = this.#metrics();

    // A line with the full width of the terminal would wrap.
    const room = Math.max(0, this.#isInteractive ? columns - 1 : Infinity);
    const shortest = count.length + 1 + time.length + step.length;
    if (isKnown && isLast) this.#fitBar(room - shortest - 1, 0);
    else if (isKnown) {
      const usual = Math.max(shortest, count.length + 1 + timeCells);
      this.#fitBar(room - usual - 1, cellsOf(metrics.join("")));
    }
    const bar = isKnown ? this.#width : 0;
    let head = `${isKnown ? this.#bold(count) : count}${this.#bar(current, bar)} ` +
      `${this.#bold(time)}${step}`;
    let cells = shortest + (bar > 0 ? bar + 1 : 0);
    if (cells > room) {
      cells = room;
      head = `${count} ${time}${step}`.slice(0, room);
    }
    const [row, ...more] = isLast
      ? breakRows(metrics, cells, room, count.length)
      : [shorten(metrics, room - cells)];
    cells += cellsOf(row);
    const padding = " ".repeat(Math.max(0, Math.min(this.#lastCells, room) - cells));
    this.#lastCells = cells;
    const line = this.#isInteractive ? `\r${head}${row}${padding}` : head + row;
    return isLast ? `${[line, ...more].join("\n")}\n` : line;
  }

  #summary(current: number, now: number, perStep: number): string {
    if (this.target === null || this.target <= 0) return "";
    const metrics = this.#metrics().join("");
    return `${this.#count(current)} - ${this.#elapsed(now)} -${formatStep(perStep)}${metrics}\n`;
  }

  #count(current: number): string {
    return `${String(current).padStart(String(this.target).length)}/${this.target}`;
  }

  #elapsed(now: number): string {
    return `${pythonFixed((now - this.#start) / 1000, 0)}s`;
  }

  #metrics(): string[] {
    return [...this.values].map(([name, value]) =>
      printable(` - ${name}: ${formatValue(value)}`).replace(/[\t\n]/g, " ")
    );
  }

  #secondsPerStep(current: number, now: number): number {
    const done = current - this.#before;
    if (done <= 0) return 0;
    // The first step includes one-time initialization.
    const perStep = this.#afterFirstStep !== undefined && done > 1
      ? (now - this.#afterFirstStep) / (done - 1)
      : (now - this.#start) / done;
    if (done === 1) this.#afterFirstStep = now;
    return perStep / 1000;
  }

  /**
   * Shorten the bar to make room for the metrics, or omit it if they fit only without it. If they
   * do not fit at all, the shortest bar is kept and metrics are dropped.
   *
   * @param room cells for bar and metrics
   * @param metrics cells of the metrics
   */
  #fitBar(room: number, metrics: number): void {
    const least = Math.min(minBar, this.#width);
    const free = room - metrics;
    // Without a bar, the space in front of it is also free.
    if (room < least || (free < least && free >= -1)) this.#width = 0;
    else this.#width = Math.min(this.#width, Math.max(least, free));
  }

  #bar(current: number, width: number): string {
    if (width === 0) return "";
    const target = this.target as number;
    const done = target > 0 ? Math.min(width, Math.floor(width * current / target)) : width;
    if (!this.#hasColors) return ` ${"━".repeat(done)}${"─".repeat(width - done)}`;
    const green = done > 0 ? `\x1b[32m${"━".repeat(done)}\x1b[0m` : "";
    return ` ${green}\x1b[37m${"━".repeat(width - done)}\x1b[0m`;
  }

  #bold(text: string): string {
    return this.#hasColors ? `\x1b[1m${text}\x1b[0m` : text;
  }
}

function formatEta(seconds: number): string {
  const whole = Math.floor(seconds);
  const two = (value: number) => String(value).padStart(2, "0");
  const minutes = Math.floor(whole / 60);
  if (seconds > 3600) return `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(whole % 60)}`;
  return seconds > 60 ? `${minutes}:${two(whole % 60)}` : `${whole}s`;
}

function formatStep(seconds: number): string {
  if (seconds >= 1 || seconds === 0) return ` ${pythonFixed(seconds, 0)}s/step`;
  if (seconds >= 1e-3) return ` ${pythonFixed(seconds * 1e3, 0)}ms/step`;
  return ` ${pythonFixed(seconds * 1e6, 0)}us/step`;
}

/** A list, which a callback may add to the logs, is shown as its mean. */
function formatValue(value: unknown): string {
  if (Array.isArray(value)) {
    const all = value.flat(Infinity);
    return formatValue(all.reduce((sum, each) => sum + each, 0) / all.length);
  }
  if (typeof value !== "number") return String(value);
  return Math.abs(value) > 1e-3 ? pythonFixed(value, 4) : pythonExponent(value, 4);
}
