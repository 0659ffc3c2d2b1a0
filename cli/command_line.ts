import { PluginError } from "../plugins/mod.ts";
import { getRuntime } from "../runtime/mod.ts";
import type { FileSystem, Terminal } from "../runtime/types.ts";

/** Where a command's words come from and go to. */
export class CommandLine {
  /** True for output that programs read: JSON, one value a line. */
  readonly json: boolean;
  readonly terminal: Terminal = getRuntime().terminal;
  readonly fs: FileSystem = getRuntime().fs;
  /** How the command ends where it throws nothing: 0 fine, 1 failed. */
  code = 0;

  /** @param args the command line without the program's name */
  constructor(args: readonly string[]) {
    // Known before it is parsed: what is wrong with it is told in JSON too.
    const end = args.indexOf("--");
    this.json = (end < 0 ? args : args.slice(0, end)).includes("--json");
  }

  /** Tell a result on standard output. */
  tell(data: object, text: string): void {
    this.terminal.write(this.json ? `${JSON.stringify(data)}\n` : text);
  }

  /** Tell, while a command works, what no program needs to read. */
  note(text: string): void {
    if (!this.json) this.terminal.write(text);
  }

  /**
   * Ask for a yes. Where nobody can be asked it is none, and they are told of `--yes`.
   *
   * @param question ends where the answer is typed
   */
  agrees(question: string): boolean {
    const answer = this.json ? undefined : this.terminal.ask?.(question);
    if (answer === undefined) console.error("keepfit: nobody can be asked here: --yes agrees");
    return /^y(es)?$/i.test(answer?.trim() ?? "");
  }

  /** Tell why it failed: to a person on standard error, to a program where it reads. */
  fail(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    if (!this.json) return console.error(`keepfit: ${message}`);
    const code = error instanceof PluginError ? error.code : undefined;
    this.tell({ error: { message, code } }, "");
  }
}
