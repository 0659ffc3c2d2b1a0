/** A version, taken apart. */
export interface Version {
  major: number;
  minor: number;
  patch: number;
  /** What stands behind the hyphen; empty for a release. */
  prerelease: (number | string)[];
}

interface Comparator {
  operator: "<" | "<=" | ">" | ">=" | "=";
  version: Version;
}

/** As npm's: nobody writes longer ones, but to keep the reader busy. */
const maxLength = 256;

const number = "(0|[1-9]\\d*)";
const suffix = "(?:-([0-9A-Za-z-]+(?:\\.[0-9A-Za-z-]+)*))?(?:\\+[0-9A-Za-z.-]+)?";
const versionPattern = new RegExp(`^${number}\\.${number}\\.${number}${suffix}$`);
const part = "(0|[1-9]\\d*|[xX*])";
const partialPattern = new RegExp(
  `^(<=|>=|<|>|=|\\^|~)?\\s*v?${part}(?:\\.${part}(?:\\.${part}${suffix})?)?$`,
);

/**
 * Take a version apart.
 *
 * Source: Semantic Versioning 2.0.0; build metadata is dropped.
 *
 * @throws SyntaxError when it is none
 */
export function parseVersion(text: string): Version {
  const match = text.length > maxLength ? null : versionPattern.exec(text);
  if (match === null) {
    throw new SyntaxError(
      `Cannot read version ${quote(text)}: wanted a form such as 1.2.3 or 1.2.3-beta.1`,
    );
  }
  return toVersion(match[1], match[2], match[3], match[4]);
}

/** Negative when `a` is the older one, 0 when they are equal, positive otherwise. */
export function compareVersions(a: Version, b: Version): number {
  const byNumbers = a.major - b.major || a.minor - b.minor || a.patch - b.patch;
  if (byNumbers !== 0) return byNumbers;
  // A release is newer than its prereleases.
  if (a.prerelease.length === 0 || b.prerelease.length === 0) {
    return b.prerelease.length - a.prerelease.length;
  }
  for (let i = 0; i < Math.max(a.prerelease.length, b.prerelease.length); i++) {
    const [x, y] = [a.prerelease[i], b.prerelease[i]];
    if (x === y) continue;
    if (x === undefined) return -1;
    if (y === undefined) return 1;
    if (typeof x === typeof y) return x < y ? -1 : 1;
    return typeof x === "number" ? -1 : 1;
  }
  return 0;
}

/** True where the version `a` is above `b`. */
export function isNewer(a: string, b: string): boolean {
  return compareVersions(parseVersion(a), parseVersion(b)) > 0;
}

/**
 * Tell whether a version is in a range.
 *
 * Source: the range grammar of npm's `semver`: `^`, `~`, comparators, hyphen ranges, `x` parts,
 * `||`. As there, a prerelease is in a range only where a bound of the same numbers names one.
 *
 * @param version for example `0.2.0`
 * @param range for example `>=0.1 <0.3` or `^1.2 || ^2`
 * @throws SyntaxError when one of them cannot be read
 */
export function satisfies(version: string, range: string): boolean {
  const given = parseVersion(version);
  return parseRange(range).some((comparators) =>
    comparators.every((comparator) => holds(given, comparator)) &&
    (given.prerelease.length === 0 ||
      comparators.some(({ version: bound }) =>
        bound.prerelease.length > 0 && bound.major === given.major &&
        bound.minor === given.minor && bound.patch === given.patch
      ))
  );
}

/** The alternatives of a range; of each one all comparators must hold. */
export function parseRange(range: string): Comparator[][] {
  if (range.length > maxLength) throw noRange(range);
  return range.split("||").map((alternative) => {
    const text = alternative.trim();
    const hyphen = /^(\S+)\s+-\s+(\S+)$/.exec(text);
    if (hyphen !== null) {
      return [...toComparators(`>=${hyphen[1]}`, range), ...toComparators(`<=${hyphen[2]}`, range)];
    }
    return text.replace(/(<=|>=|<|>|=|\^|~)\s+/g, "$1").split(/\s+/)
      .flatMap((one) => toComparators(one, range));
  });
}

function toComparators(text: string, range: string): Comparator[] {
  const match = partialPattern.exec(text);
  if (match === null) {
    throw noRange(range);
  }
  const operator = match[1] ?? "";
  const [major, minor, patch] = [match[2], match[3], match[4]].map((one) =>
    one === undefined || /[xX*]/.test(one) ? undefined : Number(one)
  );
  const low = toVersion(major ?? 0, minor ?? 0, patch ?? 0, match[5]);
  const whole = major !== undefined && minor !== undefined && patch !== undefined;
  // Where a bound is "below the next one", its prereleases are out as well.
  const below = (x: number, y: number, z: number): Comparator => ({
    operator: "<",
    version: { major: x, minor: y, patch: z, prerelease: [0] },
  });
  const atLeast: Comparator = { operator: ">=", version: low };
  if (major === undefined) {
    return operator === "<" || operator === ">" ? [below(0, 0, 0)] : [{ ...atLeast }];
  }
  const next = minor === undefined ? below(major + 1, 0, 0) : below(major, minor + 1, 0);
  switch (operator) {
    case "^":
      if (major > 0 || minor === undefined) return [atLeast, below(major + 1, 0, 0)];
      if (minor > 0 || patch === undefined) return [atLeast, below(0, minor + 1, 0)];
      return [atLeast, below(0, 0, patch + 1)];
    case "~":
      return [atLeast, next];
    case ">=":
      return [atLeast];
    case ">":
      return whole
        ? [{ operator: ">", version: low }]
        : [{ operator: ">=", version: { ...next.version, prerelease: [] } }];
    case "<":
      return whole ? [{ operator: "<", version: low }] : [below(low.major, low.minor, 0)];
    case "<=":
      return whole ? [{ operator: "<=", version: low }] : [next];
    default:
      return whole ? [{ operator: "=", version: low }] : [atLeast, next];
  }
}

function noRange(range: string): SyntaxError {
  return new SyntaxError(
    `Cannot read version range ${quote(range)}: wanted a form such as ^1.2.0, >=1.2 <2 or 1.x`,
  );
}

function quote(text: string): string {
  return JSON.stringify(text.length > maxLength ? `${text.slice(0, maxLength)}...` : text);
}

function holds(version: Version, { operator, version: bound }: Comparator): boolean {
  const order = compareVersions(version, bound);
  switch (operator) {
    case "<":
      return order < 0;
    case "<=":
      return order <= 0;
    case ">":
      return order > 0;
    case ">=":
      return order >= 0;
    case "=":
      return order === 0;
  }
}

function toVersion(
  major: string | number,
  minor: string | number,
  patch: string | number,
  prerelease: string | undefined,
): Version {
  return {
    major: Number(major),
    minor: Number(minor),
    patch: Number(patch),
    prerelease: (prerelease ?? "").split(".").filter((one) => one !== "")
      .map((one) => /^\d+$/.test(one) ? Number(one) : one),
  };
}
