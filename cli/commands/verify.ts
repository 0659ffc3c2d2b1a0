import type { Command } from "commander";
import { verifyPlugins } from "../../plugins/mod.ts";
import type { CommandLine } from "../command_line.ts";
import { addExamples } from "../help.ts";

/** `keepfit verify`: hash everything again and hold it against the lock file. */
export function addVerify(program: Command, line: CommandLine): void {
  const command = program.command("verify")
    .description("Hash every file of every plugin again and hold it against keepfit.lock.json.")
    .action(async () => {
      const plugins = await verifyPlugins();
      const lines = plugins.map(({ id, version, files, problems }) =>
        problems.length === 0
          ? `${id} ${version}: ${files} files as locked\n`
          : `${id} ${version}:\n${problems.map((problem) => `  ${problem}\n`).join("")}`
      );
      line.tell({ plugins }, lines.join("") || "nothing is locked\n");
      if (plugins.some(({ problems }) => problems.length > 0)) line.code = 1;
    });
  addExamples(command, line, ["keepfit verify"]);
}
