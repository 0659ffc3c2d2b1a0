import { Argument, type Command } from "commander";
import type { CommandLine } from "../command_line.ts";
import { completionScript, type Shell, shells } from "../completions.ts";

/** `keepfit completions SHELL`: a script that completes this command line. */
export function addCompletions(program: Command, line: CommandLine): void {
  program.command("completions")
    .usage("bash|zsh|fish")
    .description("Print a script that lets your shell complete keepfit's commands and options.")
    .addArgument(new Argument("<SHELL>", "Whose language it is in.").choices(shells))
    .addHelpText(
      "after",
      `
Put one of these where your shell begins:
  source <(keepfit completions bash)       ~/.bashrc
  source <(keepfit completions zsh)        ~/.zshrc, behind compinit
  keepfit completions fish | source        ~/.config/fish/config.fish`,
    )
    .action((shell: Shell) => {
      const script = completionScript(program, shell);
      line.tell({ shell, script }, script);
    });
}
