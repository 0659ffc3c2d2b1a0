import { CappedOutput, orKill, toCommandError } from "./command.ts";
import type { Runtime } from "./types.ts";

/** Run a program with `Deno.Command`. */
export const runDenoCommand: Runtime["runCommand"] = async (command, args, options) => {
  let child: Deno.ChildProcess;
  try {
    child = new Deno.Command(command, {
      args: [...args],
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  } catch (error) {
    throw toCommandError(error, command);
  }
  const outputs = [child.stdout, child.stderr].map((stream) => ({
    kept: new CappedOutput(options.maxBytes),
    reader: stream.getReader(),
  }));
  const ended = Promise.all([child.status, ...outputs.map(readAll)]);
  const [{ code }] = await orKill(command, ended, options, () => {
    try {
      child.kill("SIGKILL");
    } catch {
      // The command has already ended.
    }
    // A grandchild may hold the other ends open.
    for (const { reader } of outputs) reader.cancel().catch(() => {});
  });
  const [stdout, stderr] = outputs.map(({ kept }) => kept.text());
  return { code, stdout, stderr };
};

async function readAll(
  { kept, reader }: { kept: CappedOutput; reader: ReadableStreamDefaultReader<Uint8Array> },
): Promise<void> {
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    kept.add(value);
  }
}
