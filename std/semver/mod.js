export * from "deno-std/semver/mod.js";
