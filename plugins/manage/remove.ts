import { updateConfig } from "../project/config.ts";
import { lockKey, updateLock } from "../project/lock.ts";
import { configuredPlugins, noSuchPlugin, openProject, type ProjectOptions } from "./project.ts";
import { typedKeys } from "./typed_reference.ts";

/**
 * Remove a plugin from the lock file and from `keepfit.json`.
 *
 * @param plugin its reference, with or without the integrity, or its id
 * @param options the project
 * @returns the references that were removed
 * @throws RangeError if the project has no such plugin
 * @throws PluginError `E_CONFIG`, `E_LOCK`
 */
export async function removePlugin(
  plugin: string,
  options: Pick<ProjectOptions, "config" | "fs" | "lock"> = {},
): Promise<string[]> {
  const project = await openProject(options);
  const { fs, lock, lockUrl, configUrl, config } = project;
  const isId = /^[a-z\d-]+\/[a-z\d-]+$/.test(plugin);
  const requested = isId ? [] : typedKeys(plugin, lockUrl);
  const keys = new Set(
    Object.entries(lock.plugins)
      .filter(([key, { id }]) => isId && id === plugin || requested.includes(key))
      .map(([key]) => key),
  );
  const configured = configuredPlugins(project).map(({ reference }) => lockKey(reference, lockUrl));
  for (const key of configured) if (requested.includes(key)) keys.add(key);
  if (keys.size === 0) {
    const known = new Set([...Object.keys(lock.plugins), ...configured]);
    throw noSuchPlugin("remove", plugin, [...known]);
  }
  if (Object.keys(lock.plugins).some((key) => keys.has(key))) {
    await updateLock(lockUrl, (present) => ({
      ...present,
      plugins: Object.fromEntries(
        Object.entries(present.plugins).filter(([key]) => !keys.has(key)),
      ),
    }), { fs });
  }
  if (config !== undefined && configured.some((key) => keys.has(key))) {
    await updateConfig(configUrl, (present) => {
      const known = configuredPlugins({ ...project, config: { url: configUrl, config: present } });
      const kept = known.filter(({ reference }) => !keys.has(lockKey(reference, lockUrl)));
      return { ...present, plugins: kept.map((one) => one.configured) };
    }, { fs });
  }
  return [...keys].sort();
}
