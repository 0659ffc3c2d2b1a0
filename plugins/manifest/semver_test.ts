import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { compareVersions, isWithin, parseRange, parseVersion, satisfies } from "./semver.ts";
import { version } from "./version.ts";

describe("A version range", () => {
  // Expected values are those of npm's semver.
  const table: [range: string, inside: string, outside: string][] = [
    ["^1.2.3", "1.2.3 1.9.0", "1.2.2 2.0.0 1.3.0-beta 2.0.0-0"],
    ["^0.1.2", "0.1.2 0.1.9", "0.1.1 0.2.0"],
    ["^0.0.3", "0.0.3", "0.0.2 0.0.4"],
    ["^0.1", "0.1.0 0.1.7", "0.0.9 0.2.0"],
    ["~1.2.3", "1.2.3 1.2.9", "1.3.0 1.2.2"],
    ["~1", "1.0.0 1.9.9", "2.0.0"],
    ["1.x", "1.0.0 1.9.9", "0.9.9 2.0.0"],
    ["1.2", "1.2.0 1.2.9", "1.3.0"],
    [">=0.1 <0.3", "0.1.0 0.2.9", "0.0.9 0.3.0"],
    [">= 1.2.3", "1.2.3 7.0.0", "1.2.2"],
    [">1.2", "1.3.0", "1.2.9"],
    ["<=1.2", "1.2.9 0.0.1", "1.3.0"],
    ["<2", "1.9.9", "2.0.0 2.0.0-beta"],
    ["1.2 - 2.3.4", "1.2.0 2.3.4", "1.1.9 2.3.5"],
    ["1.2.3 - 2", "2.9.9", "3.0.0"],
    ["^1 || ^3", "1.5.0 3.0.0", "2.0.0"],
    ["=1.2.3", "1.2.3 1.2.3+build.7", "1.2.4"],
    [">=1.2.3-beta.2", "1.2.3-beta.10 1.2.3 1.2.4", "1.2.3-beta.1 1.2.4-beta.3"],
    ["<=*", "0.0.0 7.0.0", "1.0.0-beta"],
  ];
  for (const [range, inside, outside] of table) {
    it(`The range ${range} contains ${inside}, not ${outside}`, () => {
      for (const one of inside.split(" ")) assert.equal(satisfies(one, range), true, one);
      for (const one of outside.split(" ")) assert.equal(satisfies(one, range), false, one);
    });
  }

  it("A version range is rejected if it is invalid", () => {
    for (
      const range of [
        "",
        "latest",
        "1.2.3.4",
        "01.2",
        "^^1",
        "1 ||",
        ">=1.2 and <2",
        "|| 1",
        " ",
        `^1${" ".repeat(300)}`,
      ]
    ) {
      assert.throws(() => parseRange(range), SyntaxError, range);
    }
  });
});

describe("isWithin", () => {
  it("isWithin orders prereleases among the other versions, in every form of a range", () => {
    const within: [range: string, inside: string[], outside: string[]][] = [
      ["<1.2.3", ["1.2.2", "1.2.3-rc.1", "0.0.1"], ["1.2.3", "1.2.4-rc.1"]],
      [">=1.0.0 <1.2.3", ["1.0.0", "1.1.0-beta"], ["1.0.0-rc.1", "1.2.3"]],
      ["<=1 || 2.0.4", ["0.9.0", "2.0.4"], ["2.0.3", "2.0.5"]],
      ["^1.2 || >3", ["1.9.0", "2.0.0-rc.1", "4.0.0"], ["1.1.9", "2.0.0", "3.0.0"]],
      ["1.0.0 - 1.4", ["1.4.9"], ["1.5.0"]],
      ["*", ["0.0.1", "9.0.0-rc.1"], []],
    ];
    for (const [range, inside, outside] of within) {
      for (const version of inside) assert(isWithin(version, range), `${version} in ${range}`);
      for (const version of outside) assert(!isWithin(version, range), `${version} in ${range}`);
    }
    assert.throws(() => isWithin("1", "*"), SyntaxError);
    assert.throws(() => isWithin("1.0.0", "latest"), SyntaxError);
  });
});

describe("A version", () => {
  it("A version is ordered with its prereleases, numbers by value", () => {
    const ordered = "1.0.0-1 1.0.0-alpha 1.0.0-alpha.1 1.0.0-alpha.beta 1.0.0-beta.2 " +
      "1.0.0-beta.11 1.0.0 1.0.1 1.1.0 1.10.0 2.0.0";
    const versions = ordered.split(" ").map(parseVersion);
    const shuffled = versions.toReversed().sort(compareVersions);
    assert.deepEqual(shuffled, versions);
    assert.equal(compareVersions(parseVersion("1.0.0+a"), parseVersion("1.0.0+b")), 0);
  });

  it("A version is rejected if it is invalid", () => {
    for (
      const text of [
        "1",
        "1.2",
        "v1.2.3",
        "1.2.3-",
        "01.2.3",
        "1.2.3 ",
        " 1.2.3",
        `1.2.3-${"a".repeat(300)}`,
      ]
    ) {
      assert.throws(() => parseVersion(text), SyntaxError, text);
    }
  });

  it("A version of keepfit is the one in both package manifests", () => {
    for (const path of ["deno.json", "package.json"]) {
      const text = readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
      assert.equal(JSON.parse(text).version, version);
    }
  });
});
