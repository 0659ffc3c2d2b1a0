export { parse } from "deno-std/csv/parse.js";
