export { stringify } from "deno-std/csv/stringify.js";
