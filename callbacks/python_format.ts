/** A parsed `{name:spec}` template. */
export interface Template {
  /** Names of the placeholders, in order of appearance. */
  readonly names: readonly string[];
  /** The text before the first placeholder. */
  readonly start: string;
  /**
   * Fill the template.
   *
   * @param values by name
   * @param integers names whose values are integers; the others are floats
   * @throws RangeError for a name without a value
   * @throws TypeError for a value that is not a number, or a spec that does not match its type
   */
  format(values: Record<string, number>, integers: readonly string[]): string;
}

/**
 * Parse a template as Python's `str.format` does: `{epoch:02d}`, `{val_loss:.4f}`, `{{` and `}}`
 * for braces. A spec has fill, alignment (`< > = ^`), sign (`+ -` or a space), `0`, width, grouping
 * (`,` or `_`), precision and one of the types `d e f g n %`.
 *
 * @throws SyntaxError for an unmatched brace, a missing name, or an unknown spec
 */
export function parseTemplate(template: string): Template {
  const parts: (string | { name: string; spec: Spec })[] = [];
  const pattern = /\{\{|\}\}|\{([^{}]*)\}|[{}]|[^{}]+/g;
  for (const [part, field] of template.matchAll(pattern)) {
    if (field !== undefined) {
      const colon = field.indexOf(":");
      const name = colon < 0 ? field : field.slice(0, colon);
      if (name === "" || /^\d+$/.test(name) || name.includes("!")) {
        throw syntaxError(template, `'${part}' must contain the name of a value`);
      }
      const spec = parseSpec(colon < 0 ? "" : field.slice(colon + 1));
      if (spec === undefined) {
        throw syntaxError(template, `'${part}' must have a spec such as 02d or .4f`);
      }
      parts.push({ name, spec });
    } else if (part === "{" || part === "}") {
      throw syntaxError(template, `a single '${part}' must be doubled or closed`);
    } else {
      parts.push(part === "{{" ? "{" : part === "}}" ? "}" : part);
    }
  }
  const names = new Set(parts.flatMap((part) => typeof part === "string" ? [] : [part.name]));
  const first = parts.findIndex((part) => typeof part !== "string");
  return {
    names: [...names],
    start: parts.slice(0, first < 0 ? parts.length : first).join(""),
    format: (values, integers) =>
      parts.map((part) => {
        if (typeof part === "string") return part;
        const value = values[part.name];
        if (value === undefined) {
          throw new RangeError(
            `Cannot fill {${part.name}} in '${template}': available are ${
              Object.keys(values).join(", ")
            }`,
          );
        }
        if (typeof value !== "number") {
          throw new TypeError(
            `Cannot fill {${part.name}} in '${template}' with ${String(value)}: ` +
              `it must be a number`,
          );
        }
        return formatNumber(value, part.spec, integers.includes(part.name));
      }).join(""),
  };
}

/**
 * A float as Python prints it: the shortest text that reads back the same, `1.0`, `1e-05`, `1e+16`,
 * `nan`, `inf`.
 */
export function pythonFloat(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
  if (Object.is(value, -0)) return "-0.0";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e16)) return twoDigitExponent(value.toExponential());
  return Number.isInteger(value) ? `${value}.0` : String(value);
}

/** Python's `f"{value:.<digits>f}"`: unlike `toFixed`, exact halves go to the even digit. */
export function pythonFixed(value: number, digits: number): string {
  if (!Number.isFinite(value)) return pythonFloat(value);
  const size = Math.abs(value);
  // From here toFixed writes an exponent; every such double is an integer.
  if (size >= 1e21) return BigInt(value) + (digits > 0 ? `.${"0".repeat(digits)}` : "");
  return sign(value) + halfToEven(size.toFixed(digits), size.toFixed(100), digits);
}

/** Python's `f"{value:.<digits>e}"`: an exponent of at least two digits, halves to even. */
export function pythonExponent(value: number, digits: number): string {
  if (!Number.isFinite(value)) return pythonFloat(value);
  const size = Math.abs(value);
  const [mantissa, exponent] = size.toExponential(digits).split("e");
  const [exact, exactExponent] = size.toExponential(100).split("e");
  // A carry into a new digit (9.99 -> 1.0e1) is not a half.
  const even = exponent === exactExponent ? halfToEven(mantissa, exact, digits) : mantissa;
  return sign(value) + twoDigitExponent(`${even}e${exponent}`);
}

/**
 * A learning rate as Python prints it, without the rounding error of a product: 0.1 * 0.1 is 0.01,
 * and 1 / 3 keeps all digits.
 */
export function rateText(rate: number): string {
  const near = Number(rate.toPrecision(14));
  return pythonFloat(String(near).length + 3 < String(rate).length ? near : rate);
}

interface Spec {
  fill: string;
  align: string;
  sign: string;
  width: number;
  grouping: string;
  precision: number | undefined;
  type: string;
}

function parseSpec(spec: string): Spec | undefined {
  const match = /^(?:(.)?([<>=^]))?([-+ ])?(0)?(\d{1,3})?([,_])?(?:\.(\d{1,2}))?([deEfFgGn%])?$/u
    .exec(spec);
  if (match === null) return undefined;
  const [, fill, align, sign = "-", zero, width, grouping = "", precision, type = ""] = match;
  if (type === "d" && precision !== undefined) return undefined;
  if (type === "n" && grouping !== "") return undefined;
  return {
    fill: fill ?? (zero && align === undefined ? "0" : zero ?? " "),
    align: align ?? (zero ? "=" : ">"),
    sign,
    width: Number(width ?? 0),
    grouping,
    precision: precision === undefined ? undefined : Number(precision),
    type,
  };
}

function formatNumber(value: number, spec: Spec, isInteger: boolean): string {
  const wholeNumber = isInteger && "dn".includes(spec.type);
  if (wholeNumber && spec.precision !== undefined) {
    throw new TypeError("Cannot format a whole number with a precision: use the type f");
  }
  if (!isInteger && spec.type === "d") {
    throw new TypeError(`Cannot format ${pythonFloat(value)} with the type d: use f, e, g or %`);
  }
  const size = Math.abs(value);
  let digits = wholeNumber ? String(size) : formatFloat(size, spec);
  if (spec.type !== spec.type.toLowerCase()) digits = digits.toUpperCase();
  const isNegative = value < 0 || Object.is(value, -0);
  const lead = isNegative ? "-" : spec.sign === "-" ? "" : spec.sign;
  // Padding zeros are grouped as well.
  const isZeroFilled = spec.fill === "0" && spec.align === "=";
  if (spec.grouping !== "") {
    digits = group(digits, spec.grouping, isZeroFilled ? spec.width - lead.length : 0);
  }
  const missing = Math.max(0, spec.width - lead.length - digits.length);
  if (spec.align === "=") return lead + spec.fill.repeat(missing) + digits;
  const left = spec.align === "<" ? 0 : spec.align === "^" ? Math.floor(missing / 2) : missing;
  return spec.fill.repeat(left) + lead + digits + spec.fill.repeat(missing - left);
}

function formatFloat(size: number, { type, precision }: Spec): string {
  switch (type.toLowerCase()) {
    case "f":
      return pythonFixed(size, precision ?? 6);
    case "e":
      return pythonExponent(size, precision ?? 6);
    case "%":
      return pythonFixed(size * 100, precision ?? 6) + "%";
    case "":
      if (precision === undefined) return pythonFloat(size);
  }
  if (!Number.isFinite(size)) return pythonFloat(size);
  // `g` keeps significant digits; without a type at least one is after the decimal point.
  const significant = Math.max(1, precision ?? 6);
  const scientific = pythonExponent(size, significant - 1);
  const exponent = size === 0 ? 0 : Number(scientific.split("e")[1]);
  if (exponent < -4 || exponent >= significant - (type === "" ? 1 : 0)) {
    const [mantissa, power] = scientific.split("e");
    return `${withoutTrailingZeros(mantissa)}e${power}`;
  }
  const fixed = withoutTrailingZeros(pythonFixed(size, significant - 1 - exponent));
  return type === "" && !fixed.includes(".") ? `${fixed}.0` : fixed;
}

function group(digits: string, separator: string, width: number): string {
  const [, whole, rest] = /^(\d*)(.*)$/.exec(digits) as RegExpExecArray;
  let padded = whole;
  const grouped = () => padded.replace(/\B(?=(\d{3})+$)/g, separator);
  while (whole !== "" && grouped().length + rest.length < width) padded = `0${padded}`;
  return grouped() + rest;
}

/** Round halves to even. `rounded` is JavaScript's result, `exact` has all digits of a half. */
function halfToEven(rounded: string, exact: string, digits: number): string {
  const point = exact.indexOf(".");
  const rest = exact.slice(point + 1 + digits);
  if (!/^50*$/.test(rest) || Number(rounded.at(-1)) % 2 === 0) return rounded;
  return exact.slice(0, point + (digits > 0 ? 1 + digits : 0));
}

function twoDigitExponent(text: string): string {
  return text.replace(/e([+-])(\d)$/, "e$10$2");
}

function withoutTrailingZeros(digits: string): string {
  return digits.includes(".") ? digits.replace(/\.?0+$/, "") : digits;
}

function sign(value: number): string {
  return value < 0 || Object.is(value, -0) ? "-" : "";
}

function syntaxError(template: string, problem: string): SyntaxError {
  return new SyntaxError(`Cannot read the template '${template}': ${problem}`);
}
