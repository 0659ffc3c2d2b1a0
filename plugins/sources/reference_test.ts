import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createRandom, isLong } from "../../tests/seeded.ts";
import { isLocal, parseReference, showReference } from "./reference.ts";

const digest = `sha256-${btoa("x".repeat(32))}`;

describe("A reference", () => {
  it("A reference may be a URL, followed by its integrity", () => {
    const url = "https://example.com/a/callback.plugin.json";
    const found = parseReference(`${url}#${digest}`);
    assert(found.kind === "url");
    assert.equal(found.url.href, url);
    assert.equal(found.key, url);
    assert.equal(found.integrity, digest);
    assert.equal(parseReference(new URL(`${url}#${encodeURIComponent(digest)}`)).integrity, digest);
    assert.equal(parseReference(url, digest).integrity, digest);
    assert.equal(parseReference(url).integrity, undefined);
  });

  it("A reference may name a plugin of a registry, with a range", () => {
    const found = parseReference(`registry:ada/step-timer@>=1.2 <3#${digest}`);
    assert.deepEqual(found, {
      kind: "registry",
      key: "registry:ada/step-timer@>=1.2 <3",
      id: "ada/step-timer",
      range: ">=1.2 <3",
      integrity: digest,
    });
  });

  it("A reference may name a package, with a range and a path in it", () => {
    for (
      const [text, name, range, path] of [
        ["npm:timer", "timer", undefined, undefined],
        ["npm:@ada/timer@^1", "@ada/timer", "^1", undefined],
        ["npm:timer@1.2.3/plugins/a", "timer", "1.2.3", "plugins/a"],
        ["jsr:@ada/timer/b.json", "@ada/timer", undefined, "b.json"],
      ] as const
    ) {
      const found = parseReference(text);
      assert(found.kind === "package");
      assert.deepEqual([found.name, found.range, found.path], [name, range, path], text);
    }
  });

  it("A reference is rejected with the expected form if it is invalid", () => {
    const cases: [string, RegExp][] = [
      ["", /expected the URL of its manifest/],
      ["EarlyStopping", /not a plugin: import it and write new EarlyStopping\(\)/],
      ["./callback.plugin.json", /new URL\("\.\.\.", import\.meta\.url\)/],
      ["http://example.com/a.json", /http: on this machine/],
      ["data:application/json,{}", /expected https:/],
      ["registry:ada", /registry:owner\/name/],
      ["registry:Ada/Timer", /lower-case letters/],
      ["registry:ada/../timer", /registry:owner\/name/],
      ["registry:ada/timer@latest", /version range/],
      ["registry:ada/timer@", /version range/],
      ["npm:", /npm:name/],
      ["npm:../timer", /npm:name/],
      ["npm:timer/../../etc/passwd", /without \. and \.\. parts/],
      ["npm:timer/%2e%2e/a", /without \. and \.\. parts/],
      ["jsr:timer", /jsr:@scope\/name/],
      ["https://example.com/a.json#%", /integrity "%"/],
      ["https://example.com/a.json#sha384-short", /integrity "sha384-short"/],
    ];
    for (const [text, message] of cases) {
      assert.throws(() => parseReference(text), (error) => {
        assert(error instanceof TypeError || error instanceof SyntaxError, `${text}: ${error}`);
        assert.match(error.message, message);
        return true;
      });
    }
    assert.throws(
      () => parseReference(7 as never),
      /expected text or a URL as reference, got number/,
    );
    const other = `sha256-${btoa("y".repeat(32))}`;
    assert.throws(() => parseReference(`https://a.example/#${digest}`, other), /the option/);
  });

  it("A reference throws only TypeError and SyntaxError for any input", () => {
    const random = createRandom(7);
    const parts = [
      "registry:",
      "npm:",
      "jsr:",
      "https://",
      "file://",
      "a",
      "/",
      "@",
      "^1",
      "#",
      "%",
    ];
    parts.push("..", "sha384-", "\u0000", "\ud800", "é", " ", ":", "[", "]", "\\", "?", digest);
    for (let i = 0; i < (isLong ? 1_000_000 : 20_000); i++) {
      const text = Array.from({ length: random(9) }, () => parts[random(parts.length)]).join("");
      try {
        parseReference(text);
      } catch (error) {
        assert(
          error instanceof TypeError || error instanceof SyntaxError,
          `${JSON.stringify(text)}: ${error}`,
        );
      }
    }
  });

  it("A reference is shown without secrets and lookalike letters", () => {
    const wrong = (text: string) => {
      try {
        parseReference(text);
      } catch (error) {
        return (error as Error).message;
      }
      return assert.fail(text);
    };
    for (const url of ["https://ada:secret@example.com/a", "https://ada:secret@exa mple/a"]) {
      assert.doesNotMatch(wrong(url), /secret/);
    }
    // The second letter is Cyrillic.
    assert.match(wrong("registry:k\u0435epfit/timer"), /registry:k\\u\{435\}epfit\/timer/);
    const found = parseReference("https://k\u0435epfit.example/a.json");
    assert.match(found.key, /^https:\/\/xn--/);
    assert.equal(showReference("a\u202eb"), "a\\u{202e}b");
  });

  it("A reference is local if no one else can have changed it", () => {
    for (const url of ["file:///a", "http://127.0.0.1:8/", "http://localhost/", "http://[::1]/"]) {
      assert(isLocal(new URL(url)), url);
    }
    assert(!isLocal(new URL("https://example.com/")));
    assert(!isLocal(new URL("http://127.0.0.1.example.com/")));
  });
});
