/** The version of keepfit. */
export const version = "0.1.0";
