import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { checkOptions, checkOptionsSchema, type OptionsSchema } from "./options_schema.ts";

describe("An options schema", () => {
  // One keyword a row: what fits and what does not.
  const table: [schema: OptionsSchema, fits: unknown[], fails: unknown[]][] = [
    [{ type: "integer" }, [1, 1.0, -3], [1.5, "1", NaN, null]],
    [{ type: "number" }, [1.5, 0], [Infinity, NaN, "1"]],
    [{ type: "boolean" }, [true], [0, "true"]],
    [{ type: "null" }, [null], [undefined, 0]],
    [{ type: "array" }, [[]], [{}]],
    [{ type: "object" }, [{}], [[], null]],
    [{ type: ["string", "null"] }, ["a", null], [1]],
    [{ enum: ["a", 1, null] }, ["a", 1, null], ["b", "1"]],
    [{ const: false }, [false], [0, null]],
    [{ minimum: 1, maximum: 2 }, [1, 2, "text"], [0.9, 2.1]],
    [{ exclusiveMinimum: 1, exclusiveMaximum: 2 }, [1.5], [1, 2]],
    [{ minLength: 2, maxLength: 2 }, ["ab", "😀😀", 7], ["a", "😀", "abc"]],
    [{ pattern: "^a+$" }, ["aa"], ["ab", ""]],
    [{ items: { type: "string" }, minItems: 1, maxItems: 2 }, [["a"]], [[], [1], ["a", "b", "c"]]],
    [{ properties: { a: { type: "string" } } }, [{}, { a: "x" }, { b: 1 }], [{ a: 1 }]],
    [{ required: ["a"] }, [{ a: undefined }, []], [{}]],
    [{ additionalProperties: false, properties: { a: {} } }, [{ a: 1 }], [{ b: 1 }]],
  ];
  for (const [schema, fits, fails] of table) {
    it(`An options schema checks ${JSON.stringify(schema)}`, () => {
      assert.deepEqual(checkOptionsSchema(schema, "options"), []);
      for (const one of fits) assert.deepEqual(checkOptions(schema, one, "options"), []);
      for (const one of fails) assert.notDeepEqual(checkOptions(schema, one, "options"), []);
    });
  }

  it("An options schema reports the path of every problem", () => {
    const schema: OptionsSchema = {
      properties: {
        list: { items: { properties: { rate: { minimum: 0 } } } },
        mode: { const: "a" },
      },
    };
    assert.deepEqual(checkOptions(schema, { list: [{}, { rate: -1 }], mode: "b" }, "options"), [
      "options.list[1].rate: found -1, expected >= 0",
      'options.mode: found "b", expected "a"',
    ]);
  });

  it("An options schema handles names that every object has", () => {
    const schema: OptionsSchema = { required: ["toString"], additionalProperties: false };
    const problems = checkOptions(schema, JSON.parse('{ "__proto__": 1 }'), "options");
    assert.equal(problems.length, 2);
  });

  it("An options schema with an unknown keyword is rejected, at any depth", () => {
    const schema = {
      properties: { a: { items: { format: "uri" } }, b: { type: "int" } },
      items: [],
    };
    const problems = checkOptionsSchema(schema, "options");
    assert.equal(problems.length, 3);
    assert.match(
      problems[0],
      /^options\.properties\.a\.items: found keyword format, expected one of/,
    );
    assert.match(problems[1], /^options\.properties\.b\.type: found "int", expected one of array/);
    assert.match(problems[2], /^options\.items: found \[\], expected a schema/);
    assert.equal(checkOptionsSchema({ pattern: "(" }, "options").length, 1);
  });
});
