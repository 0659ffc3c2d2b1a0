import { messageOf } from "../../../core/errors.ts";
import type { ContextParts, PluginContext } from "./mod.ts";
import { shown } from "./shown.ts";
import { PluginError } from "../../errors.ts";
import { type Grant, isGranted } from "../../project/grants.ts";
import { Slots } from "../slots.ts";

/** Maximum number of commands of a plugin that run at the same time. */
const maxConcurrent = 8;

/** Granted environment variables and commands. */
export function machineAccess(parts: ContextParts): Pick<PluginContext, "env" | "run"> {
  const { grants: { env, run } } = parts;
  return {
    ...(env !== undefined && reading(parts, env)),
    ...(run !== undefined && running(parts, run)),
  };
}

function reading(
  { manifest: { id }, runtime }: ContextParts,
  grant: Grant,
): Pick<PluginContext, "env"> {
  return {
    env(name) {
      if (isGranted(grant, name, isSame)) return runtime.env(name);
      throw refused(id, `read the environment variable ${shown(name)}`, grant);
    },
  };
}

function running(
  { manifest: { id }, runtime, limits, run }: ContextParts,
  grant: Grant,
): Pick<PluginContext, "run"> {
  const slots = new Slots(maxConcurrent);
  return {
    run: async (command, args = []) =>
      run.track(`run ${shown(command)}`, async () => {
        if (!isGranted(grant, command, isSame)) throw refused(id, `run ${shown(command)}`, grant);
        if (!Array.isArray(args) || !args.every((one) => typeof one === "string")) {
          throw new TypeError(`Cannot run ${command}: its arguments must be a list of strings`);
        }
        try {
          return await slots.use(() =>
            runtime.runCommand(command, args, {
              timeout: limits.hookTime,
              maxBytes: limits.bytes,
              signal: run.signal,
            })
          );
        } catch (cause) {
          if (!(cause instanceof DOMException && cause.name === "TimeoutError")) throw cause;
          throw new PluginError("E_TIMEOUT", `Plugin ${id}: ${messageOf(cause)}`, { cause });
        }
      }),
  };
}

function isSame(granted: string, name: string): boolean {
  return granted === name;
}

function refused(id: string, action: string, { declared, agreed }: Grant): PluginError {
  return new PluginError("E_PERMISSION", `Plugin ${id} may not ${action}`, {
    expected: `one of ${(agreed === true ? declared : agreed).join(", ")}`,
  });
}
