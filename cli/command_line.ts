import { printable } from "../core/printable.ts";
import { PluginError } from "../plugins/mod.ts";
import { getRuntime } from "../runtime/mod.ts";
import { errorText, printError } from "../runtime/run_program.ts";
import type { FileSystem, Terminal } from "../runtime/types.ts";
import { fitText } from "./fit_text.ts";
import { inShell } from "./shell_words.ts";

// Bold, yellow and cyan, and their ends: they change nothing but the look of a word.
// deno-lint-ignore no-control-regex
const ownStyles = /(\x1b\[(?:1|22|33|36|39)m)/;

/** Where a command's words come from and go to. */
export class CommandLine {
  /** True for output that programs read: JSON, one value a line. */
  readonly json: boolean;
  readonly terminal: Terminal = getRuntime().terminal;
  readonly fs: FileSystem = getRuntime().fs;
  /** How the command ends where it throws nothing: 0 fine, 1 failed. */
  code = 0;

  /** The first word, as a rule the command's name. */
  readonly #command: string | undefined;

  /** @param args the command line without the program's name */
  constructor(args: readonly string[]) {
    // Known before it is parsed: what is wrong with it is told in JSON too.
    const end = args.indexOf("--");
    this.json = (end < 0 ? args : args.slice(0, end)).includes("--json");
    this.#command = args.find((one) => !one.startsWith("-"));
  }

  /** Width of what is shown to a person. */
  get columns(): number {
    return Math.max(this.terminal.columns ?? 80, 20);
  }

  /** True where a person sees colors. */
  get hasColors(): boolean {
    return this.terminal.hasColors && !this.json;
  }

  /** Text for a person, broken between words where a terminal would cut them. */
  fit(text: string): string {
    return fitText(text, this.terminal.columns && this.columns);
  }

  /** Tell a result on standard output. */
  tell(data: object, text: string): void {
    this.terminal.write(this.#printable(this.json ? `${JSON.stringify(data)}\n` : text));
  }

  /** Tell, while a command works, what no program needs to read. */
  note(text: string): void {
    if (!this.json) this.terminal.write(this.#printable(text));
  }

  /**
   * Ask for a yes. Where nobody can be asked it is none, and they are told of `--yes`.
   *
   * @param question ends where the answer is typed
   */
  agrees(question: string): boolean {
    const answer = this.json ? undefined : this.terminal.ask?.(this.#printable(question));
    if (answer === undefined) console.error("keepfit: nobody can be asked here: --yes agrees");
    return /^y(es)?$/i.test(answer?.trim() ?? "");
  }

  /** Tell why it failed: to a person on standard error, to a program where it reads. */
  fail(error: unknown): void {
    const shown = (text: string): string => inShell(text, this.#command);
    if (!this.json) return printError("keepfit: ", error, (text) => this.fit(shown(text)));
    const code = error instanceof PluginError ? error.code : undefined;
    this.tell({ error: { message: shown(errorText(error)), code } }, "");
  }

  /** Text as it may be written: much of it comes from servers and manifests. */
  #printable(text: string): string {
    const pieces = this.hasColors ? text.split(ownStyles) : [text];
    return pieces.map((piece, i) => i % 2 === 1 ? piece : printable(piece)).join("");
  }
}
