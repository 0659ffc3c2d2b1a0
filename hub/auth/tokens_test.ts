import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseTokens } from "./tokens.ts";

const ada = "a-token-that-nobody-guesses";
const bob = "another-token=of-bob-with-a-sign";

describe("parseTokens", () => {
  it("parseTokens reads comments, and one token for several owners", () => {
    const text = `# of the team\r\nada=${ada}\n\n  # and of Bob\nbob=${bob}\neve=${ada}\n`;
    assert.deepEqual(parseTokens(text), { [ada]: ["ada", "eve"], [bob]: ["bob"] });
    assert.deepEqual(parseTokens(`ada=${ada} bob=${bob}`), { [ada]: ["ada"], [bob]: ["bob"] });
    assert.deepEqual(parseTokens(" \n"), {});
  });

  it("parseTokens rejects a part without an owner, without showing secrets", () => {
    for (const wrong of [ada, `=${ada}`, "ada=", `Ada=${ada}`, `ada =${ada}`]) {
      assert.throws(() => parseTokens(`bob=${bob}\n${wrong}`), (error: Error) => {
        assert.equal(error.name, "SyntaxError");
        assert.match(error.message, /^Cannot read token 2 of \d: expected OWNER=TOKEN/);
        assert.doesNotMatch(error.message, /nobody-guesses|of-bob/);
        return true;
      });
    }
  });
});
