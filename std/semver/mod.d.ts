// What keepfit uses of @std/semver; npm's deno-std has its code without its types.

/** A version, parsed. */
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

/** Alternatives; of each one every comparator must hold. */
export type Range = Comparator[][];

/** Parse a version. */
export function parse(value: string): SemVer;

/** Parse a range. */
export function parseRange(value: string): Range;

/** 0 for equal versions, 1 where the first is newer, -1 where it is older. */
export function compare(version1: SemVer, version2: SemVer): 1 | 0 | -1;

/** True for a version in a range. */
export function satisfies(version: SemVer, range: Range): boolean;
