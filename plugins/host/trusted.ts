import { messageOf } from "../../core/errors.ts";
import { PluginError } from "../errors.ts";
import { importGraph } from "./import_graph.ts";
import type { TierRun } from "./tier.ts";

/**
 * Run a plugin in this process, with the speed and the rights of your own code.
 *
 * @returns the result of its factory
 */
export async function runTrusted(run: TierRun): Promise<unknown> {
  const { entry, url, graph, options, context, cache, runtime } = run;
  const exports = await importGraph(graph, cache, runtime.importModule);
  const exported = exports[entry.export];
  if (typeof exported !== "function") {
    throw new PluginError("E_EXPORT", `Cannot load plugin ${url}: its module lacks an export`, {
      url,
      expected: `a class or a function as ${entry.export}`,
      actual: exported === undefined ? "no such export" : typeof exported,
    });
  }
  try {
    // The only way to tell a class from a function before the call.
    return /^class\b/.test(Function.prototype.toString.call(exported))
      ? Reflect.construct(exported, [options, context])
      : await exported(options, context);
  } catch (cause) {
    throw new PluginError(
      "E_FACTORY",
      `Cannot load plugin ${url}: ${entry.export} threw: ${messageOf(cause)}`,
      { url, cause },
    );
  }
}
