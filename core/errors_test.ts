import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CallbackError } from "keepfit";
import { PluginError } from "keepfit/plugins";
import { inspect } from "node:util";

describe("Errors", () => {
  it("CallbackError and PluginError have only the known fields", () => {
    const bare = new CallbackError("CALLBACK_INVALID", "Cannot use it");
    assert.deepEqual(Object.keys(bare).sort(), ["code", "name"]);
    assert(!("cause" in bare));
    assert.equal(bare.epoch, undefined);
    assert.doesNotMatch(inspect(bare), /undefined/);

    const hook = new CallbackError("CALLBACK_HOOK", "it failed", { callback: "mine", epoch: 0 });
    assert.deepEqual(Object.keys(hook).sort(), ["callback", "code", "epoch", "name"]);

    const plugin = new PluginError("E_HTTP", "Cannot read it", { url: "file:///a" });
    assert.deepEqual(Object.keys(plugin).sort(), ["code", "name", "url"]);
    assert(!("cause" in plugin));
  });

  it("CallbackError and PluginError have no stack if their cause has one", () => {
    const cause = new TypeError("no disk");
    for (
      const error of [
        new CallbackError("CALLBACK_HOOK", "mine failed: no disk", { cause }),
        new PluginError("E_FACTORY", "Cannot load it: no disk", { cause }),
      ]
    ) {
      assert.equal(error.cause, cause);
      assert.equal(error.stack, `${error.name}: ${error.message}`);
    }
    const thrown = new CallbackError("CALLBACK_HOOK", "mine failed: x", { cause: "x" });
    assert.match(thrown.stack ?? "", /errors_test/);
    const hostile = new Proxy(cause, {
      get() {
        throw new Error("do not look");
      },
      getPrototypeOf() {
        throw new Error("do not look");
      },
    });
    assert.equal(
      new CallbackError("CALLBACK_HOOK", "it failed", { cause: hostile }).cause,
      hostile,
    );
  });
});
