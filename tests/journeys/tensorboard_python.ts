/** Where the journey to TensorBoard finds the real one. */
import { spawnSync } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";

/** The TensorBoard that the test is written for. */
const version = "2.21.0";

/**
 * A Python that has TensorBoard: the one that `KEEPFIT_PYTHON` names, else one in the system's
 * temporary folder, made the first time and kept.
 *
 * @returns the executable, or why there is none
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
      reason: "there is no python3 with venv, and KEEPFIT_PYTHON names none with tensorboard",
    };
  }
  // It asks setuptools for pkg_resources, which later ones no longer have.
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
