import { grantsOf } from "../../plugins/project/grants.ts";
import { computeIntegrity } from "../../plugins/manifest/integrity.ts";
import {
  manifestName,
  type PluginControl,
  type PluginPermission,
  pluginPermissions,
} from "../../plugins/manifest/format.ts";
import type { PackedSource } from "../../testing/pack_source.ts";

/** Uses of a plugin's context. */
export interface Uses {
  /**
   * The plugin, wrapped by a module that records how it uses its context. For the trusted tier
   * only.
   */
  recorded: PackedSource;
  /** Return refused uses and unused declarations, after the plugin has run. */
  findings(): { problems: string[]; warnings: string[] };
  /** Stop recording. */
  release(): void;
}

/** Permission that each function of a context needs. */
const permissionOf: Record<string, PluginPermission> = {
  append: "write",
  env: "env",
  fetch: "net",
  list: "read",
  publish: "listen",
  read: "read",
  run: "run",
  write: "write",
};
const controlNames: readonly PluginControl[] = [
  "readWeights",
  "setLearningRate",
  "stop",
  "writeWeights",
];

/** Key under which the recording module finds this one. They share only the global object. */
const hostKey = "keepfit.check";

/** Called instead of a function of the context. */
type Host = (name: string, args: unknown[], call: (...args: unknown[]) => unknown) => unknown;

/**
 * Record how a plugin uses its context, without changing the loader: a module placed before the
 * plugin's own passes its factory a context that records every call.
 *
 * Commands do not run and servers do not listen; the plugin receives a success.
 *
 * @param options options of the plugin; a permission may refer to one of them
 */
export async function recordUses(
  packed: PackedSource,
  options: Record<string, unknown>,
): Promise<Uses> {
  const { manifest } = packed;
  const grants = grantsOf(manifest, manifestName, options, pluginPermissions, true);
  const used: [name: string, value: string][] = [];
  const refused = new Set<string>();
  const host: Host = (name, args, call) => {
    const value = name === "fetch" ? hostOf(String(args[0])) : String(args[0] ?? "");
    used.push([name, value]);
    const refuse = (error: unknown): never => {
      if ((error as { code?: unknown }).code === "E_PERMISSION") {
        refused.add(`${permissionOf[name] ?? name} ${value} was refused: it is not declared`);
      }
      throw error;
    };
    const declared = grants[permissionOf[name]]?.declared ?? [];
    if (name === "run" && declared.includes(value)) {
      return Promise.resolve({ code: 0, stdout: "", stderr: "" });
    }
    if (name === "publish") {
      return Promise.resolve(`http://${declared[0]}/${value.replace(/^\//, "")}`);
    }
    try {
      const result = call(...args);
      return result instanceof Promise ? result.catch(refuse) : result;
    } catch (error) {
      return refuse(error);
    }
  };
  const shared = globalThis as { [key: symbol]: unknown };
  shared[Symbol.for(hostKey)] = host;

  return {
    recorded: await withRecorder(packed),
    findings() {
      const names = new Set(used.map(([name]) => name));
      const warnings = Object.entries(grants).flatMap(([kind, grant]) =>
        grant.declared
          .filter((pattern) =>
            !used.some(([name, value]) =>
              // The plugin is served at this address.
              permissionOf[name] === kind && (kind === "listen" || covers(pattern, value))
            )
          )
          .map((pattern) => `permission ${kind} ${pattern} is declared but not used`)
      );
      const controls = new Set(manifest.callbacks.flatMap((callback) => callback.controls));
      for (const control of controlNames) {
        if (!controls.has(control) || names.has(control)) continue;
        warnings.push(`control ${control} is declared but not used`);
      }
      return { problems: [...refused], warnings };
    },
    release() {
      delete shared[Symbol.for(hostKey)];
    },
  };
}

/** The plugin, wrapped by the recording module. */
async function withRecorder({ manifest, contents }: PackedSource): Promise<PackedSource> {
  const names = [...new Set(manifest.callbacks.map((callback) => callback.export))];
  const module = "keepfit-check.js";
  const text = `import * as plugin from "./${manifest.module}";
const host = globalThis[Symbol.for("${hostKey}")];
function watch(context) {
  const recorded = {};
  for (const [name, member] of Object.entries(context)) {
    recorded[name] = typeof member !== "function" || name === "log"
      ? member
      : (...args) => host(name, args, member);
  }
  return Object.freeze(recorded);
}
function wrap(made) {
  if (typeof made !== "function") return made;
  if (!/^class\\b/.test(Function.prototype.toString.call(made))) {
    return (options, context) => made(options, watch(context));
  }
  return class extends made {
    constructor(options, context) {
      super(options, watch(context));
    }
  };
}
${
    names.map((name, i) =>
      `const made${i} = wrap(plugin[${JSON.stringify(name)}]);\nexport { made${i} as ${name} };`
    ).join("\n")
  }
`;
  const bytes = new TextEncoder().encode(text);
  const files = {
    ...manifest.files,
    [module]: { integrity: await computeIntegrity(bytes), size: bytes.length },
  };
  const recorded = { ...manifest, module, files, sandbox: { support: "supported" as const } };
  return {
    manifest: recorded,
    contents: new Map(contents).set(module, bytes)
      .set(manifestName, new TextEncoder().encode(JSON.stringify(recorded))),
  };
}

/** Whether a declared value covers a used one. */
function covers(pattern: string, value: string): boolean {
  if (pattern === value || value.startsWith(`${pattern.replace(/\/$/, "")}/`)) return true;
  const escaped = pattern.replace(/[.+^${}()|[\]\\?]/g, "\\$&").replaceAll("*", ".*");
  return new RegExp(`^${escaped}$`).test(value);
}

function hostOf(url: string): string {
  try {
    return new URL(url).host;
  } catch {
    return url;
  }
}
