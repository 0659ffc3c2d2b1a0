import { compare, parse, parseRange as parseAny, satisfies as isIn } from "@std/semver";

/** A parsed version. */
export interface Version {
  major: number;
  minor: number;
  patch: number;
  /** Parts after the hyphen; empty for a release. */
  prerelease: (number | string)[];
}

/** A bound of a range. */
export interface Comparator extends Pick<Version, "major" | "minor" | "patch"> {
  /** Default: the version itself. */
  operator?: "=" | "!=" | ">" | ">=" | "<" | "<=";
  prerelease?: (number | string)[];
}

/** npm's limit: longer text would only keep a parser busy. */
const maxLength = 256;

/**
 * Parse a version.
 *
 * Source: Semantic Versioning 2.0.0. Build metadata does not affect the order.
 *
 * @throws SyntaxError for any other text
 */
export function parseVersion(text: string): Version {
  try {
    // The parser would drop a leading v and spaces.
    if (text.length <= maxLength && /^\d\S*$/.test(text)) return parse(text);
  } catch {
    // Reported below.
  }
  throw new SyntaxError(
    `Cannot read version ${quote(text)}: expected a form such as 1.2.3 or 1.2.3-beta.1`,
  );
}

/** Negative if `a` is older, 0 if they are equal, positive otherwise. */
export function compareVersions(a: Version, b: Version): number {
  return compare(a, b);
}

/** Whether version `a` is newer than `b`. */
export function isNewer(a: string, b: string): boolean {
  return compareVersions(parseVersion(a), parseVersion(b)) > 0;
}

/** True if two versions are equal but for their build metadata: no registry may have both. */
export function isSameVersion(a: string, b: string): boolean {
  return compareVersions(parseVersion(a), parseVersion(b)) === 0;
}

/** True for text that is a version. */
export function isVersion(text: string): boolean {
  try {
    parseVersion(text);
    return true;
  } catch {
    return false;
  }
}

/**
 * Whether a version is in a range.
 *
 * Source: the range grammar of npm's `semver`: `^`, `~`, comparators, hyphen ranges, `x` parts,
 * `||`. As in npm, a prerelease is only in a range with a prerelease bound of the same numbers.
 *
 * @param version a version, such as `0.2.0`
 * @param range a range, such as `>=0.1 <0.3` or `^1.2 || ^2`
 * @throws SyntaxError for an invalid version or range
 */
export function satisfies(version: string, range: string): boolean {
  return isIn(parseVersion(version), parseRange(range));
}

/**
 * Whether a version is within the bounds of a range by order alone, prereleases included, as
 * advisories count them: `2.0.0-rc.1` is below `<2.0.0` and within `>=1`.
 *
 * @throws SyntaxError for an invalid version or range
 */
export function isWithin(version: string, range: string): boolean {
  const parsed = parseVersion(version);
  return parseRange(range).some((all) =>
    all.every(({ operator = "=", prerelease = [], ...bound }) =>
      hasOrder(compareVersions(parsed, { ...bound, prerelease }), operator)
    )
  );
}

function hasOrder(order: number, operator: NonNullable<Comparator["operator"]>): boolean {
  switch (operator) {
    case "=":
      return order === 0;
    case "!=":
      return order !== 0;
    case "<":
      return order < 0;
    case "<=":
      return order <= 0;
    case ">":
      return order > 0;
    case ">=":
      return order >= 0;
  }
}

/**
 * Parse a range into alternatives, each a list of comparators that must all hold.
 *
 * @throws SyntaxError for an invalid range; an empty one is invalid
 */
export function parseRange(range: string): Comparator[][] {
  try {
    const alternatives = range.length > maxLength ? [] : range.split("||").map((one) => one.trim());
    if (alternatives.length > 0 && alternatives.every((one) => one !== "")) {
      const parsed: Comparator[][] = parseAny(alternatives.join("||"));
      // A bound without numbers excludes nothing: `*`, and `<=*`, which cannot be compared.
      return parsed.map((all) => all.filter(({ major }) => !Number.isNaN(major)));
    }
  } catch {
    // Reported below.
  }
  throw new SyntaxError(
    `Cannot read version range ${quote(range)}: expected a form such as ^1.2.0, >=1.2 <2 or 1.x`,
  );
}

function quote(text: string): string {
  return JSON.stringify(text.length > maxLength ? `${text.slice(0, maxLength)}...` : text);
}
