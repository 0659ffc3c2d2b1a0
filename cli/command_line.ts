import { printable } from "../core/printable.ts";
import { PluginError } from "../plugins/mod.ts";
import { getRuntime } from "../runtime/mod.ts";
import { errorText, printError } from "../runtime/run_program.ts";
import type { FileSystem, Terminal } from "../runtime/types.ts";
import { fitText } from "./fit_text.ts";
import { inShell } from "./shell_words.ts";

// Escape sequences that begin and end bold, yellow and cyan text. They have no width.
// deno-lint-ignore no-control-regex
const ownStyles = /(\x1b\[(?:1|22|33|36|39)m)/;

/** Input and output of a command. */
export class CommandLine {
  /** Whether output is for programs: JSON, one value per line. */
  readonly json: boolean;
  readonly terminal: Terminal = getRuntime().terminal;
  readonly fs: FileSystem = getRuntime().fs;
  /** Exit code of a command that does not throw: 0 for success, 1 for failure. */
  code = 0;

  /** The first word, usually the name of the command. */
  readonly #command: string | undefined;

  /**
   * @param args the command line without the name of the program
   */
  constructor(args: readonly string[]) {
    // Detected before parsing, because parse errors are JSON too.
    const end = args.indexOf("--");
    this.json = (end < 0 ? args : args.slice(0, end)).includes("--json");
    this.#command = args.find((one) => !one.startsWith("-"));
  }

  /** Width of text for people. */
  get columns(): number {
    return Math.max(this.terminal.columns ?? 80, 20);
  }

  /** Whether to print colors. */
  get hasColors(): boolean {
    return this.terminal.hasColors && !this.json;
  }

  /** Wrap text at the width of the terminal. */
  fit(text: string): string {
    return fitText(text, this.terminal.columns && this.columns);
  }

  /** Print a result on standard output. */
  print(data: object, text: string): void {
    this.terminal.write(this.#printable(this.json ? `${JSON.stringify(data)}\n` : text));
  }

  /** Print progress for people; omitted in JSON output. */
  note(text: string): void {
    if (!this.json) this.terminal.write(this.#printable(text));
  }

  /**
   * Ask for confirmation. Without an interactive terminal, return false and print a message that
   * names `--yes`.
   *
   * @param question text before the answer
   */
  confirm(question: string): boolean {
    const answer = this.json ? undefined : this.terminal.ask?.(this.#printable(question));
    if (answer === undefined) {
      console.error("keepfit: cannot ask without a terminal: pass --yes to agree");
    }
    return /^y(es)?$/i.test(answer?.trim() ?? "");
  }

  /** Report an error: to people on standard error, to programs as JSON on standard output. */
  fail(error: unknown): void {
    const shown = (text: string): string => inShell(text, this.#command);
    if (!this.json) return printError("keepfit: ", error, (text) => this.fit(shown(text)));
    const code = error instanceof PluginError ? error.code : undefined;
    this.print({ error: { message: shown(errorText(error)), code } }, "");
  }

  /** Make text printable, because it may come from servers and manifests. */
  #printable(text: string): string {
    const pieces = this.hasColors ? text.split(ownStyles) : [text];
    return pieces.map((piece, i) => i % 2 === 1 ? piece : printable(piece)).join("");
  }
}
