/** The check of private fields of TensorFlow.js, shared by the tests that list them. */
import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { listFiles, root } from "../tests/files.ts";

/** Kind of a field's value. */
export type Kind =
  | "boolean"
  | "function"
  | "list"
  | "number"
  | "object"
  | "string"
  | "variable"
  | "absent";

/** Fields of one object, each with its kind and the file, or `room/`, that uses it. */
export interface Ground {
  of: string;
  /** Returns the object. */
  find(): object;
  fields: Record<string, [kind: Kind, usedBy: string]>;
}

/**
 * Register the tests of some private fields: each is of its kind, its user still uses it, and a
 * renamed field would be reported.
 *
 * @param what what the fields belong to, for the titles
 */
export function testGrounds(what: string, grounds: Ground[]): void {
  describe(`The private fields of ${what}`, () => {
    for (const ground of grounds) {
      it(`The private fields of ${ground.of} are where keepfit uses them`, () => {
        assert.deepEqual(movedFields(ground), []);
      });
    }

    it(`The private fields of ${what} are still used by the files that the test names`, () => {
      const stale = grounds.flatMap(({ of, fields }) =>
        Object.entries(fields)
          .filter(([field]) => !/^\d$/.test(field))
          .filter(([field, [, usedBy]]) => !new RegExp(`\\b${field}\\b`).test(sourceOf(usedBy)))
          .map(([field, [, usedBy]]) => `${of}.${field} is not in ${usedBy}`)
      );
      assert.deepEqual(stale, []);
    });

    it(`The private fields of ${what} are each reported when it is renamed`, () => {
      for (const ground of grounds) {
        const found = ground.find();
        for (const [field, [kind]] of Object.entries(ground.fields)) {
          const renamed = new Proxy({}, {
            get: (_none, key) => key === field ? undefined : Reflect.get(found, key),
          });
          const messages = movedFields({ ...ground, find: () => renamed });
          assert.equal(messages.length, kind === "absent" ? 0 : 1, `${ground.of}.${field}`);
          if (kind !== "absent") {
            assert.ok(messages[0].startsWith(`${ground.of}.${field}: expected `));
          }
        }
      }
    });
  });
}

/** Messages about fields that are not as expected. */
export function movedFields({ of, find, fields }: Ground): string[] {
  const found = find();
  return Object.entries(fields).flatMap(([field, [kind, usedBy]]) => {
    const got = kindOf(fieldOf(found, field));
    const isRight = got === kind || (kind === "object" && got === "list");
    return isRight ? [] : [`${of}.${field}: expected ${kind}, got ${got}; used by ${usedBy}`];
  });
}

function kindOf(value: unknown): string {
  if (value === undefined || value === null) return "absent";
  if (Array.isArray(value)) return "list";
  return value instanceof tf.Variable ? "variable" : typeof value;
}

/** Source text of a file, or of all files of a room. */
function sourceOf(path: string): string {
  const files = path.endsWith("/")
    ? listFiles().filter((file) => file.startsWith(path) && !file.endsWith("_test.ts"))
    : [path];
  return files.map((file) => readFileSync(root + file, "utf8")).join("\n");
}

/** A field that the type of an object hides. */
export const fieldOf = (of: object, field: string) => (of as Record<string, unknown>)[field];

/** As {@linkcode fieldOf}, of an object. */
export const partOf = (of: object, field: string) => fieldOf(of, field) as object;
