import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { cacheDirOf, type CacheEnvironment } from "./cache_dir.ts";

describe("cacheDirOf", () => {
  const folderOn = (os: CacheEnvironment["os"], variables: Record<string, string>) =>
    cacheDirOf({ os, env: (name) => variables[name] });

  it("cacheDirOf returns the cache folder of each system", () => {
    assert.equal(folderOn("other", { HOME: "/a" }), "/a/.cache/keepfit");
    assert.equal(folderOn("darwin", { HOME: "/a" }), "/a/Library/Caches/keepfit");
    const LOCALAPPDATA = "C:\\Local";
    assert.equal(folderOn("windows", { LOCALAPPDATA }), `${LOCALAPPDATA}\\keepfit`);
  });

  it("cacheDirOf prefers XDG_CACHE_HOME, unless it is relative", () => {
    const HOME = "/a";
    assert.equal(folderOn("darwin", { HOME, XDG_CACHE_HOME: "/c/" }), "/c/keepfit");
    assert.equal(folderOn("other", { HOME, XDG_CACHE_HOME: "c" }), "/a/.cache/keepfit");
    assert.equal(folderOn("other", { HOME, XDG_CACHE_HOME: "" }), "/a/.cache/keepfit");
  });

  it("cacheDirOf returns undefined if no variable is set", () => {
    for (const os of ["darwin", "windows", "other"] as const) {
      assert.equal(folderOn(os, {}), undefined);
    }
  });
});
