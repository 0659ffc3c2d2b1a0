import type { Runtime } from "../../runtime/types.ts";
import type { PluginPermission } from "../manifest/format.ts";
import type { PluginTier } from "../project/tiers.ts";

/** What holds a plugin, and what does not, in plain words. */
export interface Enforcement {
  enforced: string[];
  notEnforced: string[];
}

/**
 * What is really enforced in a tier on a runtime.
 *
 * @param permissions kinds that the plugin declares
 */
export function enforcementOf(
  tier: PluginTier,
  runtime: Runtime["name"],
  permissions: readonly PluginPermission[] = [],
): Enforcement {
  const always = [
    "Every file is the one that was promised, checked each time before it is used.",
    "Only its declared hooks are called, with logs of their own unless it may add to them.",
    "Its options fit the schema in its manifest before any of its code runs.",
  ];
  const offered = "Nothing beyond its permissions and controls is handed to it.";
  const denoFlags = "The permission flags of this Deno process hold for its code too.";
  switch (tier) {
    case "sandboxed":
      return {
        enforced: [
          ...always,
          "Its code has nothing but what it is handed: no files, network, environment, commands.",
          "Permissions and controls hold: what it declares and you agreed to, and no more.",
          "Each call may compute for a limited time, and all of it may hold limited memory.",
        ],
        notEnforced: [
          "What it is handed it may send to the hosts that it may reach.",
          ...(permissions.includes("run")
            ? ["A command that it may run has all your rights, whatever the sandbox holds."]
            : []),
          ...(permissions.includes("write")
            ? ["What it writes may be run later, by you or a tool that finds it."]
            : []),
          "The sandbox is as strong as QuickJS and the WebAssembly of this runtime.",
        ],
      };
    case "worker":
      return {
        enforced: [
          ...always,
          offered,
          "A hang or a crash ends its thread and not the training.",
          ...(runtime === "node" ? ["Its code may hold limited memory."] : []),
          ...(runtime === "deno" ? [denoFlags] : []),
        ],
        notEnforced: [
          runtime === "deno"
            ? "Within these flags its thread can do what this process can, permissions or not."
            : `On ${
              nameOf(runtime)
            } a worker restricts nothing: its code can read and write files, ` +
              "reach the network, see the environment and run commands, permissions or not.",
          ...(runtime === "node"
            ? []
            : [`It may fill the memory of this ${nameOf(runtime)} process, which ends it.`]),
        ],
      };
    case "trusted":
      return {
        enforced: [...always, offered, ...(runtime === "deno" ? [denoFlags] : [])],
        notEnforced: [
          "Permissions and controls are what you agreed to, not a wall: its code runs in this " +
          `process and can do all that ${
            runtime === "deno" ? "the flags let it" : "the process can"
          }.`,
          "A loop without end in it stops the training.",
        ],
      };
  }
}

function nameOf(runtime: Runtime["name"]): string {
  return { bun: "Bun", deno: "Deno", node: "Node" }[runtime];
}
