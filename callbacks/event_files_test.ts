import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type FileSystem, memoryFileSystem } from "keepfit/runtime";
import { readEvents, SummaryWriter } from "keepfit/tensorboard";
import { EventFiles } from "./event_files.ts";
import { captured } from "./fixtures.ts";

/** A run with three events after the header, of which the state has two, and what damages its file. */
async function resume(damage: (bytes: Uint8Array, path: string, fs: FileSystem) => Promise<void>) {
  const fs = memoryFileSystem();
  const first = new EventFiles(fs, "logs");
  const writer = new SummaryWriter("logs/train", { fs, suffix: first.suffix });
  writer.scalar("loss", 0.5, 1);
  writer.scalar("loss", 0.25, 2);
  await writer.sync();
  const state = await first.getState();
  writer.scalar("loss", 0.125, 3);
  await writer.close();
  const [{ name }] = await fs.readDir("logs/train");
  const path = `logs/train/${name}`;
  await damage(await fs.readFile(path), path, fs);
  const second = new EventFiles(fs, "logs");
  second.setState(state);
  const { warned } = await captured(() => second.cut());
  const steps = async () => readEvents(await fs.readFile(path)).map(({ step }) => step);
  return { path, warned, steps, kept: state.sizes[`train/${name}`] };
}

describe("EventFiles", () => {
  it("EventFiles cuts off what was written after the state, without a word", async () => {
    const { warned, steps } = await resume(async () => {});
    assert.deepEqual(await steps(), [0, 1, 2]);
    assert.deepEqual(warned, []);
  });

  it("EventFiles removes an event with a flipped bit, and warns in one line", async () => {
    const at = (bytes: Uint8Array) => bytes.length >> 1;
    const { path, warned, steps } = await resume(async (bytes, path, fs) => {
      bytes[at(bytes)] ^= 4;
      await fs.writeFile(path, bytes);
    });
    assert.deepEqual((await steps()).length, 2);
    assert.match(
      warned.join("\n"),
      /^keepfit: logs\/train\/\S+ has lost events of the resumed run: the event at byte \d+ is damaged; damaged events are removed$/,
    );
    assert.ok(warned[0].includes(path));
  });

  it("EventFiles warns about a file that is shorter than the state says, or gone", async () => {
    const short = await resume(async (bytes, path, fs) => {
      const header = readEvents(bytes.subarray(0, 60)).truncatedAt as number;
      await fs.writeFile(path, bytes.subarray(0, header + 5));
    });
    assert.deepEqual(await short.steps(), [0]);
    assert.match(short.warned.join("\n"), /lost events of the resumed run: .*damaged/);
    const gone = await resume(async (_bytes, path, fs) => await fs.remove(path));
    assert.match(gone.warned.join("\n"), /lost events of the resumed run: it is gone$/);
  });

  it("EventFiles warns about a file that was cut between two events", async () => {
    const { warned, steps, kept } = await resume(async (bytes, path, fs) => {
      const header = readEvents(bytes.subarray(0, 60)).truncatedAt;
      await fs.writeFile(path, bytes.subarray(0, header));
    });
    assert.deepEqual(await steps(), [0]);
    assert.match(warned.join("\n"), new RegExp(`: it has \\d+ bytes of ${kept}$`));
  });
});
