import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseAuthTokens } from "./auth_tokens.ts";

describe("Tokens", () => {
  it("Tokens apply to one host each, as in Deno", () => {
    const authorization = parseAuthTokens("abc@Plugins.example;ada:pass@word@host.example:8080; ");
    const of = (url: string) => authorization(new URL(url));
    assert.equal(of("https://plugins.example/a"), "Bearer abc");
    assert.equal(of("https://plugins.example:443/a"), "Bearer abc");
    assert.equal(of("https://host.example:8080/"), `Basic ${btoa("ada:pass@word")}`);
    assert.equal(of("https://host.example/"), undefined);
    assert.equal(of("https://sub.plugins.example/"), undefined);
    assert.equal(of("https://plugins.example:8443/"), undefined);
    assert.equal(parseAuthTokens("abc@a.example:443")(new URL("https://a.example/")), "Bearer abc");
    assert.equal(parseAuthTokens(undefined)(new URL("https://a.example/")), undefined);
  });

  it("Tokens that cannot be parsed are rejected without being shown", () => {
    for (
      const text of ["secret", "@host", "secret@", "secret@a/b", "sec\nret@host", "sécret@host"]
    ) {
      assert.throws(() => parseAuthTokens(`fine@a.example;${text}`), (error) => {
        assert(error instanceof SyntaxError);
        assert.match(error.message, /token 2 of 2/);
        assert.doesNotMatch(error.message, /ret/);
        return true;
      });
    }
  });
});
