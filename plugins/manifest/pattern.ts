/** A compiled pattern. */
export interface Pattern {
  /** True if it matches somewhere in a text. */
  test(text: string): boolean;
  /** Maximum number of steps per character of the text. */
  steps: number;
}

const maxLength = 1000;
const maxSteps = 512;
const made = new Map<string, Pattern>();

/**
 * Compile a regular expression of a plugin so that matching takes linear time. With `RegExp` it may
 * take any time: `(a+)+$` would hang the program that checks options with it.
 *
 * Unsupported, because they need more: look-around, back references, `\b`, `\B`, and repetitions
 * that unfold too far. Everything else works as in JavaScript with the `u` flag.
 *
 * @param source a `pattern` of JSON Schema
 * @throws SyntaxError for an invalid or unsupported expression
 */
export function compilePattern(source: string): Pattern {
  const known = made.get(source);
  if (known !== undefined) return known;
  if (source.length > maxLength) throw refused(source, `more than ${maxLength} characters`);
  new RegExp(source, "u");
  const program: Step[] = [];
  emit(new Parser(source).parse(), program, { left: maxSteps * 16 });
  program.push({ kind: "match" });
  if (made.size >= 100) made.clear();
  const pattern = { test: (text: string) => matches(program, text), steps: program.length };
  made.set(source, pattern);
  return pattern;
}

type Tree =
  | { kind: "one"; test: (char: string) => boolean }
  | { kind: "start" | "end" }
  | { kind: "all"; parts: Tree[] }
  | { kind: "any"; parts: Tree[] }
  | { kind: "repeat"; part: Tree; least: number; most: number };

/** A step of the program; without `next` it continues with the following one. */
type Step =
  | { kind: "one"; test: (char: string) => boolean }
  | { kind: "start" | "end" | "match" }
  /** Continues at all of these steps. */
  | { kind: "fork"; to: number[] };

/** Parses what `RegExp` has accepted. */
class Parser {
  #source: string;
  #at = 0;

  constructor(source: string) {
    this.#source = source;
  }

  parse(): Tree {
    const parts = [this.#sequence()];
    while (this.#source[this.#at] === "|") {
      this.#at++;
      parts.push(this.#sequence());
    }
    return { kind: "any", parts };
  }

  #sequence(): Tree {
    const parts: Tree[] = [];
    while (this.#at < this.#source.length && !"|)".includes(this.#source[this.#at])) {
      parts.push(this.#repeated(this.#atom()));
    }
    return { kind: "all", parts };
  }

  #repeated(part: Tree): Tree {
    // Laziness does not affect whether it matches.
    const [text, sign, low, comma, high] = this.#take(/([*+?])\??|\{(\d+)(,?)(\d*)\}\??/y) ?? [];
    if (text === undefined) return part;
    if (sign !== undefined) {
      return {
        kind: "repeat",
        part,
        least: sign === "+" ? 1 : 0,
        most: sign === "?" ? 1 : Infinity,
      };
    }
    const least = Number(low);
    const most = comma === "" ? least : high === "" ? Infinity : Number(high);
    return { kind: "repeat", part, least, most };
  }

  #atom(): Tree {
    if (this.#take(/\^/y)) return { kind: "start" };
    if (this.#take(/\$/y)) return { kind: "end" };
    const group = this.#take(/\((?:\?(?:<[^=!>][^>]*>|(:)|(.)))?/y);
    if (group !== undefined) {
      if (group[2] !== undefined) throw refused(this.#source, `(?${group[2]}`);
      const inside = this.parse();
      this.#at++;
      return inside;
    }
    const [text] = this.#take(
      /\\(?:u\{[^}]*\}|u[Dd][89ABab][\dA-Fa-f]{2}\\u[Dd][C-Fc-f][\dA-Fa-f]{2}|u.{4}|x..|c.|[pP]\{[^}]*\}|[^])|\[(?:\\[^]|[^\]\\])*\]|[^]/yu,
    ) as RegExpExecArray;
    if (/^\\[1-9kbB]/.test(text)) throw refused(this.#source, text.slice(0, 2));
    return { kind: "one", test: charTest(text) };
  }

  #take(form: RegExp): RegExpExecArray | undefined {
    form.lastIndex = this.#at;
    const found = form.exec(this.#source);
    if (found === null) return undefined;
    this.#at += found[0].length;
    return found;
  }
}

/** A single character or class is tested by `RegExp`; results for ASCII are cached. */
function charTest(text: string): (char: string) => boolean {
  const form = new RegExp(`^(?:${text})$`, "u");
  const known = new Array<boolean | undefined>(128);
  return (char) => {
    const code = char.charCodeAt(0);
    return code < 128 ? known[code] ??= form.test(char) : form.test(char);
  };
}

/** @param budget number of parts that may still be written; even an empty part counts */
function emit(tree: Tree, program: Step[], budget: { left: number }): void {
  if (program.length > maxSteps || budget.left-- <= 0) {
    throw new SyntaxError(`Cannot use a pattern that unfolds to more than ${maxSteps} steps`);
  }
  switch (tree.kind) {
    case "one":
      program.push({ kind: "one", test: tree.test });
      return;
    case "start":
    case "end":
      program.push({ kind: tree.kind });
      return;
    case "all":
      for (const part of tree.parts) emit(part, program, budget);
      return;
    case "any": {
      const starts: number[] = [];
      const ends: { to: number[] }[] = [];
      const fork = { kind: "fork" as const, to: starts };
      if (tree.parts.length > 1) program.push(fork);
      for (const part of tree.parts) {
        starts.push(program.length);
        emit(part, program, budget);
        if (tree.parts.length === 1) return;
        const jump = { kind: "fork" as const, to: [] };
        program.push(jump);
        ends.push(jump);
      }
      for (const jump of ends) jump.to.push(program.length);
      return;
    }
    case "repeat": {
      const { part, least, most } = tree;
      for (let i = 0; i < least; i++) emit(part, program, budget);
      if (most === Infinity) {
        const start = program.length;
        const fork = { kind: "fork" as const, to: [start + 1] };
        program.push(fork);
        emit(part, program, budget);
        program.push({ kind: "fork", to: [start] });
        fork.to.push(program.length);
        return;
      }
      const forks: { to: number[] }[] = [];
      for (let i = least; i < most; i++) {
        const fork = { kind: "fork" as const, to: [program.length + 1] };
        program.push(fork);
        forks.push(fork);
        emit(part, program, budget);
      }
      for (const fork of forks) fork.to.push(program.length);
    }
  }
}

/** Run through the text once, at all active steps in parallel. */
function matches(program: readonly Step[], text: string): boolean {
  const seen = new Int32Array(program.length);
  let turn = 0;
  let states: number[] = [];
  let isMatch = false;
  const enter = (first: number, isStart: boolean, isEnd: boolean): void => {
    const waiting = [first];
    for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
      if (seen[at] === turn) continue;
      seen[at] = turn;
      const step = program[at];
      if (step.kind === "match") isMatch = true;
      else if (step.kind === "fork") waiting.push(...step.to);
      else if (step.kind === "one") states.push(at);
      else if (step.kind === "start" ? isStart : isEnd) waiting.push(at + 1);
    }
  };
  turn++;
  enter(0, true, text === "");
  let read = 0;
  for (const char of text) {
    if (isMatch) return true;
    read += char.length;
    const before = states;
    states = [];
    turn++;
    for (const at of before) {
      const step = program[at];
      if (step.kind === "one" && step.test(char)) enter(at + 1, false, read === text.length);
    }
    // A match may begin anywhere.
    enter(0, false, read === text.length);
  }
  return isMatch;
}

function refused(source: string, what: string): SyntaxError {
  return new SyntaxError(
    `Cannot use pattern ${JSON.stringify(source.slice(0, 60))}: it has ${what}`,
  );
}
