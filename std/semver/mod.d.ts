// The part of @std/semver that keepfit uses; deno-std on npm has no types.

/** A parsed version. */
export interface SemVer {
  major: number;
  minor: number;
  patch: number;
  prerelease: (string | number)[];
}

/** A bound of a range. */
export interface Comparator extends Partial<SemVer> {
  major: number;
  minor: number;
  patch: number;
  operator?: "=" | "!=" | ">" | ">=" | "<" | "<=";
}

/** Alternatives, each a list of comparators that must all match. */
export type Range = Comparator[][];

/** Parse a version. */
export function parse(value: string): SemVer;

/** Parse a range. */
export function parseRange(value: string): Range;

/** 0 for equal versions, 1 if the first is newer, -1 if it is older. */
export function compare(version1: SemVer, version2: SemVer): 1 | 0 | -1;

/** Whether a version is in a range. */
export function satisfies(version: SemVer, range: Range): boolean;
