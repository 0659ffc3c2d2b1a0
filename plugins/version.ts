/** The version of keepfit, which a manifest's `engines.core` is held against. */
export const version = "0.1.0";
