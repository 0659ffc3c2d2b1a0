import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { coversNet } from "./net_pattern.ts";

const yes: [string, string][] = [
  ["example.com", "https://example.com"],
  ["EXAMPLE.com", "https://example.COM:443"],
  ["example.com:443", "https://example.com"],
  ["example.com:8443", "https://example.com:8443"],
  ["*.example.com", "https://a.example.com"],
  ["*.example.com", "https://a.b.example.com"],
  ["*.example.com:8443", "https://a.example.com:8443"],
  ["bücher.example", "https://xn--bcher-kva.example"],
  ["127.0.0.1:5000", "http://127.0.0.1:5000"],
  ["127.0.0.1:80", "http://127.0.0.1"],
  ["localhost", "http://localhost"],
  ["[::1]:5000", "http://[::1]:5000"],
  ["http://mlflow.internal:5000", "http://mlflow.internal:5000"],
  ["http://mlflow.internal:5000/path?x#y", "http://mlflow.internal:5000"],
  ["https://example.com", "https://example.com"],
  // One pattern for all of another.
  ["*.example.com", "hooks.example.com"],
  ["*.example.com", "*.example.com"],
  ["*.example.com", "*.a.example.com"],
  ["127.0.0.1:5000", "http://127.0.0.1:5000"],
];

const no: [string, string][] = [
  ["example.com", "http://example.com"],
  ["example.com", "https://example.com:8443"],
  ["example.com", "https://evil-example.com"],
  ["example.com", "https://example.com.evil.net"],
  ["example.com", "https://example.com."],
  ["example.com", "https://a.example.com"],
  ["*.example.com", "https://example.com"],
  ["*.example.com", "https://evilexample.com"],
  ["*", "https://example.com"],
  ["*.*", "https://example.com"],
  ["", "https://example.com"],
  ["a@example.com", "https://example.com"],
  ["example.com/path", "https://example.com"],
  ["evil.net#.example.com", "https://evil.net"],
  ["192.168.1.1:5000", "http://192.168.1.1:5000"],
  ["10.0.0.1", "http://10.0.0.1"],
  ["127.0.0.1.evil.net", "http://127.0.0.1.evil.net"],
  ["127.0.0.1", "http://127.0.0.1:5000"],
  ["example.com", "ftp://example.com"],
  ["example.com", "file:///etc/passwd"],
  ["http://mlflow.internal:5000", "http://mlflow.internal:5001"],
  ["http://mlflow.internal:5000", "https://mlflow.internal:5000"],
  ["http://mlflow.internal:5000", "http://other.internal:5000"],
  ["https://example.com", "http://example.com"],
  ["example.com", "*.example.com"],
  ["example.com", "http://example.com:80"],
];

describe("coversNet", () => {
  for (const [pattern, requested] of yes) {
    it(`${pattern} covers ${requested}`, () => assert.equal(coversNet(pattern, requested), true));
  }
  for (const [pattern, requested] of no) {
    it(`'${pattern}' does not cover ${requested}`, () => {
      assert.equal(coversNet(pattern, requested), false);
    });
  }
});
