import type { Runtime } from "../../runtime/types.ts";
import type { PluginPermission } from "../manifest/format.ts";
import type { PluginTier } from "../project/tiers.ts";

/** Sentences about the restrictions of a plugin, and their gaps. */
export interface Enforcement {
  enforced: string[];
  notEnforced: string[];
}

/**
 * Describe what a tier enforces on a runtime.
 *
 * @param permissions kinds that the plugin declares
 */
export function enforcementOf(
  tier: PluginTier,
  runtime: Runtime["name"],
  permissions: readonly PluginPermission[] = [],
): Enforcement {
  const always = [
    "Every file has the expected integrity, which is checked each time before use.",
    "Only its declared hooks are called, each with its own copy of the logs unless it may add " +
    "to them.",
    "Its options are checked against the schema in its manifest before any of its code runs.",
  ];
  const offered = "It receives nothing beyond its permissions and controls.";
  const denoFlags = "The permission flags of this Deno process apply to its code too.";
  switch (tier) {
    case "sandboxed":
      return {
        enforced: [
          ...always,
          "Its code has only what it receives: no files, network, environment or commands.",
          "Permissions and controls are enforced: what it declares and you granted, nothing more.",
          "The computing time of each call and its total memory are limited.",
        ],
        notEnforced: [
          "It may send everything that it receives to the hosts that it may reach.",
          ...(permissions.includes("run")
            ? ["A command that it may run has all your rights, outside of the sandbox."]
            : []),
          ...(permissions.includes("write")
            ? ["Files that it writes may be executed later, by you or by a tool."]
            : []),
          "The sandbox is as strong as QuickJS and the WebAssembly of this runtime.",
        ],
      };
    case "worker":
      return {
        enforced: [
          ...always,
          offered,
          "A hang or a crash ends its thread, not the training.",
          ...(runtime === "node" ? ["The memory of its code is limited."] : []),
          ...(runtime === "deno" ? [denoFlags] : []),
        ],
        notEnforced: [
          runtime === "deno"
            ? "Within these flags its thread can do what this process can, regardless of " +
              "permissions."
            : `On ${
              nameOf(runtime)
            } a worker restricts nothing: its code can read and write files, ` +
              "reach the network, see the environment and run commands, regardless of permissions.",
          ...(runtime === "node"
            ? []
            : [`It may fill the memory of this ${nameOf(runtime)} process, which ends it.`]),
        ],
      };
    case "trusted":
      return {
        enforced: [...always, offered, ...(runtime === "deno" ? [denoFlags] : [])],
        notEnforced: [
          "Permissions and controls record your consent but are not enforced: its code runs in " +
          "this " +
          `process and can do all that ${
            runtime === "deno" ? "the flags let it" : "the process can"
          }.`,
          "An endless loop in it stops the training.",
        ],
      };
  }
}

function nameOf(runtime: Runtime["name"]): string {
  return { bun: "Bun", deno: "Deno", node: "Node" }[runtime];
}
