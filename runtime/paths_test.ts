import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { joinPath, toFileUrl } from "keepfit/runtime";
import { directoryOf, pathOf } from "./paths.ts";

describe("joinPath", () => {
  it("joinPath joins strings with one slash", () => {
    assert.equal(joinPath("runs", "a.csv"), "runs/a.csv");
    assert.equal(joinPath("runs/", "a.csv"), "runs/a.csv");
    assert.equal(joinPath("/", "a.csv"), "/a.csv");
    assert.equal(joinPath(".", "1/a.csv"), "./1/a.csv");
  });

  it("joinPath rejects an empty directory, which would become the root", () => {
    assert.throws(() => joinPath("", "a.csv"), /Cannot use '' .* for a\.csv.*must not be empty/);
  });

  it("joinPath uses a name literally in a URL", () => {
    for (const directory of ["file:///runs", "file:///runs/"]) {
      for (const name of ["50%.csv", "a?b#c", "größe", "1/a b"]) {
        const url = joinPath(new URL(directory), name);
        assert(url instanceof URL);
        assert.equal(pathOf(url), `/runs/${name}`);
      }
    }
  });
});

describe("directoryOf", () => {
  it("directoryOf returns the directory of a path", () => {
    const cases = { "a": ".", "a/b": "a", "a/b/": "a", "/a": "/", "/": "/", "/a/b/c": "/a/b" };
    for (const [path, directory] of Object.entries(cases)) {
      assert.equal(directoryOf(path), directory, path);
    }
  });

  it("directoryOf returns a URL for a URL", () => {
    for (const url of ["file:///a/50%25.csv", "file:///a/b/", "file:///a/"]) {
      const directory = url === "file:///a/" ? "file:///" : "file:///a/";
      assert.equal(directoryOf(new URL(url)).href, directory, url);
    }
  });
});

describe("toFileUrl", () => {
  it("toFileUrl uses a path literally, with any characters", () => {
    for (const path of ["/", "/runs/", "/a b/50%/größe?#.csv"]) {
      assert.equal(pathOf(toFileUrl(path)), path);
    }
    const folder = new URL("file:///runs/");
    assert.equal(pathOf(toFileUrl("a b/50%/c:d?#.csv", folder)), "/runs/a b/50%/c:d?#.csv");
    assert.equal(pathOf(toFileUrl("c:d", folder)), "/runs/c:d");
    assert.equal(pathOf(toFileUrl("../a", folder)), "/a");
    assert.equal(pathOf(toFileUrl("/a", folder)), "/a");
    assert.throws(() => toFileUrl("runs/a.csv"), /expected an absolute path or a file: URL/);
  });

  it("toFileUrl rejects an empty path, which would become the folder", () => {
    const folder = new URL("file:///runs/");
    assert.throws(
      () => toFileUrl("", folder),
      /^TypeError: Cannot use '': a path must not be empty/,
    );
  });
});
