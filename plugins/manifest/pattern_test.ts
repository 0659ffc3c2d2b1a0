import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createRandom, isLong, pick } from "../../tests/seeded.ts";
import { compilePattern } from "./pattern.ts";

describe("A pattern", () => {
  const table: string[] = [
    "",
    "a",
    "^a+$",
    "^(?:a|b)*c?$",
    "^[a-z0-9]+(?:-[a-z0-9]+)*$",
    "^https?://",
    String.raw`^\d{1,3}(\.\d{1,3}){3}$`,
    String.raw`\.(?:png|jpe?g)$`,
    "^(?<year>[0-9]{4})-[0-9]{2}$",
    "a|^b|c$",
    "a*?b+?",
    "^.$",
    String.raw`^[^\]\\a]$`,
    String.raw`^\p{L}\u{1f600}\u0041\x42\n$`,
    String.raw`^\ud83d\ude00$`,
    "^(a*)*$",
    "(|a)+$",
    "^a{2,}b{0}c{0,2}$",
    "$^",
    "^[\\w.+-]+@[\\w-]+$",
  ];
  const texts = ["", "a", "aa", "aab", "b", "c", "abc", "ac", "-", "a-b-c", "a--b", "https://x"];
  texts.push("127.0.0.1", "a.jpeg", "a.jpg", "2024-01", "😀", "\n", "]", "\\", "é😀AB\n", "x@y");
  texts.push("aacc", "aaccc", "aaaa", "cb", "cab", "\ud83d", "aac\n");
  it("A pattern matches the same as RegExp", () => {
    for (const source of table) {
      for (const text of texts) {
        const expected = new RegExp(source, "u").test(text);
        assert.equal(
          compilePattern(source).test(text),
          expected,
          `${source} on ${JSON.stringify(text)}`,
        );
      }
    }
  });

  it("A pattern of random form matches the same as RegExp", () => {
    for (let seed = 0; seed < (isLong ? 1_000_000 : 3_000); seed++) {
      const random = createRandom(seed);
      const source = somePattern(random, 3);
      const text = Array.from({ length: random(7) }, () => pick(random, ["a", "b", "c"])).join("");
      const expected = new RegExp(source, "u").test(text);
      assert.equal(
        compilePattern(source).test(text),
        expected,
        `seed ${seed}: ${source} on ${text}`,
      );
    }
  });

  it("A pattern that would take RegExp forever is matched quickly", () => {
    const text = `${"a".repeat(50_000)}!`;
    for (const source of ["^(a+)+$", "^(a|a)*$", "(a*)*b", "a*a*a*a*a*b", "^(a|aa)+$"]) {
      assert.equal(compilePattern(source).test(text), false, source);
    }
  });

  it("A pattern is rejected if it is invalid, or cannot be matched in one pass", () => {
    for (
      const source of [
        "(",
        "[b-a]",
        "*",
        "(?=a)",
        "(?!a)",
        "(?<=a)b",
        "(?<!a)b",
        String.raw`(a)\1`,
        String.raw`(?<n>a)\k<n>`,
        String.raw`\ba`,
        "a".repeat(1001),
        "a{600}",
        "((a{9}){9}){9}",
        "(){1000000000}",
        "a{0,1000000000}",
        `${"(".repeat(400)}a${"){2}".repeat(140)}`,
        "(?i:a)",
      ]
    ) {
      assert.throws(() => compilePattern(source), SyntaxError, source);
    }
  });
});

function somePattern(random: (limit: number) => number, depth: number): string {
  const inside = () => somePattern(random, depth - 1);
  switch (random(depth > 0 ? 10 : 4)) {
    case 0:
      return pick(random, ["a", "b", "."]);
    case 1:
      return pick(random, ["[ab]", "[^a]", "c", ""]);
    case 2:
      return pick(random, ["a", "^", "$"]);
    case 3:
      return "b";
    case 4:
      return `(${inside()})${pick(random, ["*", "+", "?", "{2}", "{1,2}", "{0,3}?", "{1,}"])}`;
    case 5:
      return `(?:${inside()}|${inside()})`;
    case 6:
      return `${inside()}|${inside()}`;
    default:
      return inside() + inside();
  }
}
