/**
 * The `keepfit` command as a program: `keepfit --help`.
 *
 * @module
 */
import { getRuntime } from "../runtime/mod.ts";
import { main } from "./mod.ts";

const runtime = getRuntime();
runtime.exit(await main(runtime.args));
