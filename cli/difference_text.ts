import type { PluginControl, PluginPermission } from "../plugins/manifest/format.ts";
import type { TrustDifference } from "../plugins/mod.ts";

/**
 * Describe a difference of trust: what a plugin may do now, and what it may no longer do.
 *
 * @returns one sentence for each fact
 */
export function differenceText({ what, before, after, weakens }: TrustDifference): string[] {
  const [was, is] = [listOf(before), listOf(after)];
  const gained = is.filter((one) => !was.includes(one));
  const lost = was.filter((one) => !is.includes(one));
  const kind = what.replace(/^permissions\./, "");
  if (what.startsWith("permissions.") && Object.hasOwn(permitted, kind)) {
    const text = (value: string) => permitted[kind as PluginPermission](meaningOf(value));
    return mayText(gained.map(text), lost.map(text));
  }
  if (what === "controls") {
    const text = (control: string) => controlled[control as PluginControl] ?? control;
    return mayText(gained.map(text), lost.map(text));
  }
  switch (what) {
    case "tier":
      return [`runs ${after} instead of ${before}`];
    case "signers":
      return is.length === 0
        ? ["is no longer signed"]
        : [`is signed by ${after}${was.length === 0 ? "" : `, before by ${before}`}`];
    case "repository":
      return [`has its source at ${after}, before at ${before}`];
    case "version":
      return weakens ? [`is an older version: ${after}, before ${before}`] : [];
    case "integrity":
      return weakens ? ["has different content under the same version"] : [];
    default:
      return [`${what}: ${before} -> ${after}`];
  }
}

function mayText(gained: readonly string[], lost: readonly string[]): string[] {
  return [
    ...gained.map((one) => `may now also ${one}`),
    ...lost.map((one) => `no longer asks to ${one}`),
  ];
}

const permitted: Record<PluginPermission, (value: string) => string> = {
  env: (name) => `read the environment variable ${name}`,
  ffi: (path) => `load the library ${path}`,
  listen: (address) => `serve on ${address}`,
  net: (host) => `send requests to ${host}`,
  read: (path) => `read ${path}`,
  run: (name) => `run ${name} with all your rights`,
  write: (path) => `write ${path} in its output directory`,
};

const controlled: Record<PluginControl, string> = {
  addLogs: "add to the logs",
  evaluate: "evaluate the model on your data",
  readWeights: "read the weights",
  saveCheckpoint: "save checkpoints",
  setLearningRate: "set the learning rate",
  skipEpochRest: "skip the rest of an epoch",
  stop: "end the training",
  writeWeights: "change the weights",
};

/** `option:url=a.example` is `a.example (the default of option url)`. */
function meaningOf(value: string): string {
  const [, option, fixed] = /^option:([^=]*)(?:=(.*))?$/.exec(value) ?? [];
  if (option === undefined) return value;
  return fixed === undefined
    ? `what you pass as option ${option}`
    : `${fixed} (the default of option ${option})`;
}

function listOf(text: string): string[] {
  return text === "none" ? [] : text.split(", ");
}
