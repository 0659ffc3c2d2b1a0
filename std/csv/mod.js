export * from "deno-std/csv/mod.js";
