import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { OwnedLines } from "./owned_lines.ts";

function linesOf(grow: boolean, text: string): OwnedLines {
  const lines = new OwnedLines(grow);
  lines.add(text);
  return lines;
}

describe("OwnedLines", () => {
  it("OwnedLines finds any changed byte of its lines", () => {
    const text = "epoch,loss\r\n0,0.5\r\n1,0.25\r\n";
    const lines = linesOf(false, text);
    assert.ok(lines.areAll(text));
    for (let at = 0; at < text.length; at++) {
      const changed = text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ 1) +
        text.slice(at + 1);
      assert.ok(!lines.areAll(changed), `byte ${at}`);
    }
  });

  it("OwnedLines finds a changed byte in lines to which columns were added", () => {
    const lines = linesOf(true, "epoch;loss\r\n0;0.5\r\n1;NA\r\n");
    assert.ok(lines.areAll("epoch;loss;a;b\r\n0;0.5;NA;NA\r\n1;NA;NA;NA\r\n"));
    assert.ok(!lines.areAll("epoch;loss;a;b\r\n0;0.7;NA;NA\r\n1;NA;NA;NA\r\n"));
    assert.ok(!lines.areAll("epoch;loss;a;b\r\n0;0.5;NA;OA\r\n1;NA;NA;NA\r\n"));
    // The separator of such a name cannot be told from others.
    assert.ok(lines.areAll('epoch;loss;"a;b"\r\n0;0.7;NA\r\n1;NA;NA\r\n'));
  });
});
