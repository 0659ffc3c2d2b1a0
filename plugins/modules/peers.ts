import { Callback } from "../../core/callback.ts";
import { CallbackList } from "../../core/callback_list.ts";
import { CallbackError } from "../../core/errors.ts";
import { History } from "../../core/history.ts";
import { getLearningRate, setLearningRate } from "../../core/model.ts";
import { MonitorCallback } from "../../core/monitor_callback.ts";

/** Modules that the host provides, by the specifier that the plugin imports. */
export type Peers = Record<string, object>;

/** Exports of `import ... from "keepfit"` in a plugin, unless the user provides others. */
const keepfit: object = {
  Callback,
  CallbackError,
  CallbackList,
  History,
  MonitorCallback,
  getLearningRate,
  setLearningRate,
};

const registryKey = Symbol.for("keepfit.peers");

/**
 * Create a module text for each peer that exports the live objects of the host. A plugin never gets
 * a second keepfit or TensorFlow.js.
 *
 * @param peers modules of the user, in addition to `keepfit`
 * @returns the texts by specifier; equal for the same modules in the same process
 */
export function peerModules(peers: Peers = {}): Map<string, string> {
  const texts = new Map<string, string>();
  for (const [specifier, module] of Object.entries({ keepfit, ...peers })) {
    texts.set(specifier, textOf(specifier, module));
  }
  return texts;
}

function textOf(specifier: string, module: object): string {
  // Emitted modules share only the global object with this one.
  const shared = globalThis as { [registryKey]?: Map<string, object[]> };
  const registry = shared[registryKey] ??= new Map();
  let modules = registry.get(specifier);
  if (modules === undefined) registry.set(specifier, modules = []);
  // Another copy of a package is another module and needs its own entry in the module cache.
  let nth = modules.indexOf(module);
  if (nth < 0) nth = modules.push(module) - 1;
  const names = Object.keys(module).filter((name) =>
    /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(name)
  );
  return [
    `const peer = globalThis[Symbol.for("keepfit.peers")].get(${
      JSON.stringify(specifier)
    })[${nth}];`,
    ...names.map((name, i) => `const peer${i} = peer[${JSON.stringify(name)}];`),
    `export { ${names.map((name, i) => `peer${i} as ${name}`).join(", ")} };`,
    "",
  ].join("\n");
}
