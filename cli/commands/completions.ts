import { Argument, type Command } from "commander";
import type { CommandLine } from "../command_line.ts";
import { addExamples } from "../help.ts";
import { completionScript, type Shell, shells } from "../completions.ts";

/** `keepfit completions SHELL`: a script that completes this command line. */
export function addCompletions(program: Command, cli: CommandLine): void {
  const command = program.command("completions")
    .usage("bash|zsh|fish|powershell")
    .description("Print a script that lets your shell complete keepfit's commands and options.")
    .addArgument(new Argument("<SHELL>", "The shell.").choices(shells))
    .addHelpText("after", "\nAdd one of these lines to the startup file of your shell.")
    .action((shell: Shell) => {
      const script = completionScript(program, shell);
      cli.print({ shell, script }, script);
    });
  addExamples(
    command,
    cli,
    ["source <(keepfit completions bash)", "in ~/.bashrc"],
    ["source <(keepfit completions zsh)", "in ~/.zshrc, after compinit"],
    ["keepfit completions fish | source", "in ~/.config/fish/config.fish"],
    ["keepfit completions powershell | Out-String | Invoke-Expression", "in $PROFILE"],
  );
}
