import { spawnSync } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { getRuntime } from "keepfit/runtime";
import { pair, type Row } from "./pair.ts";

const file = fileURLToPath(new URL("first_step.ts", import.meta.url));

/** New processes, from start to the first training step, compared with tfjs on its default cpu. */
export async function startRows(): Promise<Row[]> {
  const rows: Row[] = [];
  for (const backend of ["cpu", "wasm"]) {
    const [keepfit, tfjs] = await pair(
      () => firstStep("keepfit", backend),
      () => firstStep("tfjs"),
      3,
    );
    const what = "first step of a new process, MNIST convnet / tfjs on cpu";
    rows.push({ what, backend, ratio: keepfit / tfjs, keepfit, tfjs });
  }
  return rows;
}

async function firstStep(...words: string[]): Promise<void> {
  const flags = getRuntime().name === "deno" ? ["run", "-A", "--no-check"] : process.execArgv;
  const { status, stderr } = spawnSync(process.execPath, [...flags, file, ...words], {
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`first_step.ts ${words.join(" ")} failed: ${stderr}`);
}
