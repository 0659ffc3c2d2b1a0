import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { committedSizes, measureSizes, modulesOf } from "./sizes.ts";

describe("The size of an import", () => {
  it("The size of an import is at most 5 % more than committed; `npm run sizes` accepts a larger one", async () => {
    const committed = committedSizes();
    const sizes = await measureSizes();
    assert.deepEqual(Object.keys(sizes), Object.keys(committed));
    const grown = Object.entries(sizes)
      .filter(([name, { modules, bytes }]) =>
        modules > Math.ceil(committed[name].modules * 1.05) || bytes > committed[name].bytes * 1.05
      )
      .map(([name, { modules, bytes }]) => `${name}: ${modules} modules, ${bytes} bytes`);
    assert.deepEqual(grown, []);
  });

  it("The size of an import excludes the loader of plugins and the training kernels for the front door", async () => {
    const modules = await modulesOf(`export * from "./mod.ts";`);
    assert.ok(modules.includes("plugins/load/load_plugin.ts"));
    const late = /^plugins\/(?!errors|load\/load_plugin)|^tfjs\/kernels\/(?!registered)/;
    assert.deepEqual(modules.filter((path) => late.test(path)), []);
  });

  it("The size of an import excludes plugins, progress bar, files and checkpoints for the front door's fit", async () => {
    const modules = await modulesOf(`export { EarlyStopping, fit } from "./mod.ts";`);
    const excluded =
      /^(plugins|checkpoints|tensorboard|hub|tfjs\/kernels|tfjs\/backend\/w)|progbar|logger/;
    assert.deepEqual(modules.filter((path) => excluded.test(path)), []);
    assert(modules.includes("training/fit.ts"));
  });

  it("The size of an import excludes training, plugins, kernels and checkpoints for one callback", async () => {
    const modules = await modulesOf(`export * from "./callbacks/csv_logger.ts";`);
    // The checksum of log lines is in tensorboard/, but is not an event file.
    const excluded =
      /^(plugins|checkpoints|tensorboard\/(?!crc)|hub|training|tfjs\/(kernels|backend))/;
    assert.deepEqual(modules.filter((path) => excluded.test(path)), []);
  });
});
