import type { Command } from "commander";
import type { CommandLine } from "../command_line.ts";
export function addCheck(_program: Command, _line: CommandLine): void {}
