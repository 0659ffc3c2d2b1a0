/** Finds or installs TensorBoard. */
import { spawnSync } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";

/** Version of TensorBoard that the test expects. */
const version = "2.21.0";

/**
 * Find a Python with TensorBoard: that of `KEEPFIT_PYTHON`, or one in the system's temporary
 * folder, which is created at the first use.
 *
 * @returns the executable, or the reason why there is none
 */
export function findTensorBoard(): { python: string } | { reason: string } {
  const named = process.env.KEEPFIT_PYTHON;
  if (named !== undefined && hasTensorBoard(named)) return { python: named };
  const folder = join(tmpdir(), `keepfit-tensorboard-${version}`);
  const python = process.platform === "win32"
    ? join(folder, "Scripts", "python.exe")
    : join(folder, "bin", "python");
  if (hasTensorBoard(python)) return { python };
  console.log(`Installing TensorBoard ${version} into ${folder}`);
  if (spawnSync("python3", ["-m", "venv", folder]).status !== 0) {
    return {
      reason: "found no python3 with venv, and KEEPFIT_PYTHON names no Python with tensorboard",
    };
  }
  // TensorBoard needs pkg_resources, which later versions of setuptools lack.
  const packages = [`tensorboard==${version}`, "setuptools<81"];
  const patience = ["--retries", "0", "--timeout", "2"];
  spawnSync(python, ["-m", "pip", "install", "--quiet", ...patience, ...packages]);
  if (hasTensorBoard(python)) return { python };
  return {
    reason: "pip could not install it, and KEEPFIT_PYTHON names no Python with tensorboard",
  };
}

function hasTensorBoard(python: string): boolean {
  return spawnSync(python, ["-c", "import tensorboard.main"]).status === 0;
}
