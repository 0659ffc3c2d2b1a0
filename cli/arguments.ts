/** The command line was not understood; its message is for the user. */
export class UsageError extends Error {
  override name = "UsageError";
}

/** What stands on a command line. */
export interface Arguments {
  /** What is no flag, in order. */
  operands: string[];
  /** Flags with a value, by name without dashes. */
  values: Record<string, string>;
  /** Flags without one. */
  switches: Set<string>;
}

/**
 * Take a command line apart: `--name value`, `--name=value`, `--switch`, operands; after `--` all
 * are operands.
 *
 * @param args the command line without the program's name
 * @param known `"value"` or `"switch"` for each flag
 * @throws UsageError for a flag that is not known, comes twice, lacks its value or has one too many
 */
export function parseArguments(
  args: readonly string[],
  known: Record<string, "switch" | "value">,
): Arguments {
  const parsed: Arguments = { operands: [], values: {}, switches: new Set() };
  const rest = [...args];
  for (let arg = rest.shift(); arg !== undefined; arg = rest.shift()) {
    if (arg === "--") {
      parsed.operands.push(...rest);
      break;
    }
    if (!arg.startsWith("-") || arg === "-") {
      parsed.operands.push(arg);
      continue;
    }
    const [, name, value] = /^--([^=]+)(?:=(.*))?$/s.exec(arg) ?? [];
    const kind = name !== undefined && Object.hasOwn(known, name) ? known[name] : undefined;
    if (name === undefined || kind === undefined) {
      const flags = Object.keys(known).map((one) => `--${one}`).join(", ");
      throw new UsageError(`there is no ${arg}; there are ${flags}`);
    }
    if (Object.hasOwn(parsed.values, name) || parsed.switches.has(name)) {
      throw new UsageError(`--${name} is given twice`);
    }
    if (kind === "switch") {
      if (value !== undefined) throw new UsageError(`--${name} takes no value`);
      parsed.switches.add(name);
    } else {
      const given = value ?? rest.shift();
      if (given === undefined || given === "") throw new UsageError(`--${name} needs a value`);
      parsed.values[name] = given;
    }
  }
  return parsed;
}
