import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  parseTemplate,
  pythonExponent,
  pythonFixed,
  pythonFloat,
  rateText,
} from "./python_format.ts";

// Every expected text is the output of CPython 3.
describe("pythonFloat", () => {
  it("pythonFloat formats a float like repr", () => {
    const table: [number, string][] = [
      [1, "1.0"],
      [-0, "-0.0"],
      [0.1, "0.1"],
      [0.40309733152389526, "0.40309733152389526"],
      [0.0001, "0.0001"],
      [0.00001, "1e-05"],
      [1.5e-7, "1.5e-07"],
      [9999999999999998, "9999999999999998.0"],
      [1e16, "1e+16"],
      [1.5e300, "1.5e+300"],
      [5e-324, "5e-324"],
      [NaN, "nan"],
      [Infinity, "inf"],
      [-Infinity, "-inf"],
    ];
    for (const [value, text] of table) assert.equal(pythonFloat(value), text);
  });
});

describe("rateText", () => {
  it("rateText removes the rounding error of a product, and keeps all digits of other rates", () => {
    const table: [number, string][] = [
      [0.1 * 0.1, "0.01"],
      [0.1 * 0.1 * 0.1, "0.001"],
      [1e-3 * 0.1 * 0.1, "1e-05"],
      [0.7 + 0.1, "0.8"],
      [1 / 3, "0.3333333333333333"],
      [Math.PI / 1e3, "0.0031415926535897933"],
      [1, "1.0"],
      [0, "0.0"],
    ];
    for (const [rate, text] of table) assert.equal(rateText(rate), text);
  });
});

describe("pythonFixed and pythonExponent", () => {
  it("pythonFixed and pythonExponent round exact halves to the even digit", () => {
    assert.deepEqual([0.5, 1.5, 2.5, -2.5].map((value) => pythonFixed(value, 0)), [
      "0",
      "2",
      "2",
      "-2",
    ]);
    assert.equal(pythonFixed(0.03125, 4), "0.0312");
    assert.equal(pythonFixed(0.09375, 4), "0.0938");
    assert.equal(pythonFixed(1.005, 2), "1.00");
    assert.equal(pythonFixed(1e22, 2), "10000000000000000000000.00");
    assert.equal(pythonExponent(2.5, 0), "2e+00");
    assert.equal(pythonExponent(9.5, 0), "1e+01");
    assert.equal(pythonExponent(0.0005, 4), "5.0000e-04");
    assert.equal(pythonExponent(0, 4), "0.0000e+00");
  });
});

describe("parseTemplate", () => {
  it("parseTemplate formats floats by Python's specs", () => {
    const table: [string, number, string][] = [
      ["", 2, "2.0"],
      [".4f", 0.12345678, "0.1235"],
      ["08.3f", -3.14159, "-003.142"],
      ["+.2f", 1, "+1.00"],
      [" .1e", 12345, " 1.2e+04"],
      ["g", 1e-5, "1e-05"],
      ["g", 1234567, "1.23457e+06"],
      [".3g", 0.00012345, "0.000123"],
      ["G", 1e-10, "1E-10"],
      [".3", 123, "1.23e+02"],
      [".4", 123, "123.0"],
      [".1%", 0.125, "12.5%"],
      ["*^12.3f", 3.14159, "***3.142****"],
      ["<8.1f", 2.5, "2.5     "],
      [",.2f", 1234567.891, "1,234,567.89"],
      ["015,.2f", 12345.678, "0,000,012,345.68"],
      ["08.1f", NaN, "00000nan"],
    ];
    for (const [spec, value, text] of table) {
      assert.equal(parseTemplate(`{x:${spec}}`).format({ x: value }, []), text, spec);
    }
  });

  it("parseTemplate formats integers by Python's specs", () => {
    const table: [string, number, string][] = [
      ["", 7, "7"],
      ["02d", 7, "07"],
      ["03", 7, "007"],
      ["5d", 42, "   42"],
      ["+d", 7, "+7"],
      ["_d", 1234567, "1_234_567"],
      ["=+5d", 42, "+  42"],
      [".1f", 7, "7.0"],
    ];
    for (const [spec, value, text] of table) {
      assert.equal(parseTemplate(`{x:${spec}}`).format({ x: value }, ["x"]), text, spec);
    }
  });

  it("parseTemplate returns names, prefix and doubled braces", () => {
    const template = parseTemplate("a/{{{epoch:02d}}}-{loss:.1f}-{epoch}");
    assert.deepEqual(template.names, ["epoch", "loss"]);
    assert.equal(template.start, "a/{");
    assert.equal(template.format({ epoch: 3, loss: 0.25 }, ["epoch"]), "a/{03}-0.2-3");
    assert.equal(parseTemplate("plain").start, "plain");
  });

  it("parseTemplate rejects an invalid template", () => {
    const specs = ["q", "{b}", ".2d", ",n", "_n"].map((spec) => `{a:${spec}}`);
    for (const text of ["{", "}", "a{epoch", "{}", "{0}", "{a!r}", ...specs]) {
      assert.throws(() => parseTemplate(text), SyntaxError, text);
    }
  });

  it("parseTemplate rejects values of the wrong type", () => {
    assert.throws(() => parseTemplate("{b}").format({ a: 1, c: 2 }, []), {
      name: "RangeError",
      message: "Cannot fill {b} in '{b}': available are a, c",
    });
    assert.throws(() => parseTemplate("{a:d}").format({ a: 1 }, []), TypeError);
    assert.throws(() => parseTemplate("{a:.2}").format({ a: 1 }, ["a"]), TypeError);
    assert.throws(() => parseTemplate("{a}").format({ a: "x" as never }, []), TypeError);
  });
});
