import { printable, unsafeCharacters } from "../../core/printable.ts";
import { PluginError } from "../errors.ts";
import { maxLogName } from "./sandbox/protocol.ts";

const isSafe = new RegExp(`^[^${unsafeCharacters}]{1,${maxLogName}}$`, "u");
const maxNames = 1000;

/**
 * Names of the logs that a plugin adds. They come from a place that is not trusted, are shown on
 * terminals and kept in the history of a run.
 */
export class LogNames {
  readonly #id: string;
  readonly #seen = new Set<string>();

  /** @param id of the plugin, for messages */
  constructor(id: string) {
    this.#id = id;
  }

  /**
   * Check a name, each that it has not seen.
   *
   * @throws PluginError `E_LIMIT` for one that is no name, or one too many
   */
  check(name: string): void {
    if (this.#seen.has(name)) return;
    if (!isSafe.test(name)) {
      throw new PluginError("E_LIMIT", `Plugin ${this.#id} may not add a log of this name`, {
        expected: `1 to ${maxLogName} characters, none that controls a terminal or hides text`,
        actual: name.length > maxLogName ? `${name.length} characters` : printable(name),
      });
    }
    if (this.#seen.size === maxNames) {
      throw new PluginError(
        "E_LIMIT",
        `Plugin ${this.#id} may not add log ${name}: it is one of too many`,
        {
          expected: `at most ${maxNames} different names`,
        },
      );
    }
    this.#seen.add(name);
  }
}
