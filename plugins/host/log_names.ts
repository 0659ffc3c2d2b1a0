import { printable, unsafeCharacters } from "../../core/printable.ts";
import { PluginError } from "../errors.ts";
import { maxLogName } from "./sandbox/protocol.ts";

const isSafe = new RegExp(`^[^${unsafeCharacters}]{1,${maxLogName}}$`, "u");
const maxNames = 1000;

/**
 * Names of the logs that a plugin adds. They are untrusted, appear on terminals and remain in the
 * history of a run.
 */
export class LogNames {
  readonly #id: string;
  readonly #seen = new Set<string>();

  /** @param id of the plugin, for messages */
  constructor(id: string) {
    this.#id = id;
  }

  /**
   * Check a name, unless it was checked before.
   *
   * @throws PluginError `E_LIMIT` for an invalid name, or too many names
   */
  check(name: string): void {
    if (this.#seen.has(name)) return;
    if (!isSafe.test(name)) {
      throw new PluginError("E_LIMIT", `Plugin ${this.#id} may not add a log of this name`, {
        expected: `1 to ${maxLogName} characters, without control or invisible characters`,
        actual: name.length > maxLogName ? `${name.length} characters` : printable(name),
      });
    }
    if (this.#seen.size === maxNames) {
      throw new PluginError(
        "E_LIMIT",
        `Plugin ${this.#id} may not add log ${name}: it adds too many`,
        {
          expected: `at most ${maxNames} different names`,
        },
      );
    }
    this.#seen.add(name);
  }
}
