import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { pathToFileURL } from "node:url";
import { FileSystemError, getRuntime, memoryFileSystem } from "../runtime/mod.ts";
import type { FileSystem, WritableFile } from "../runtime/types.ts";
import { startChild } from "../tests/child.ts";
import { readEvents, type SummaryEvent } from "./read_events.ts";
import { SummaryWriter } from "./summary_writer.ts";
import { eventsIn } from "./fixtures.ts";

const stepsOf = (files: SummaryEvent[][]) => files.map((events) => events.map(({ step }) => step));

/**
 * Wait until writes that are not awaited have finished; in memory they take no turn of the loop.
 */
const settled = () => new Promise((resolve) => setTimeout(resolve));

/** A memory file system whose files can be written while `isFull` is false. */
function fillingFileSystem(): { fs: FileSystem; state: { isFull: boolean } } {
  const memory = memoryFileSystem();
  const state = { isFull: false };
  const fs: FileSystem = {
    ...memory,
    async open(path, mode): Promise<WritableFile> {
      const file = await memory.open(path, mode);
      return {
        async write(data) {
          if (!state.isFull) return file.write(data);
          await file.write(data.slice(0, 20));
          throw new FileSystemError("NoSpace", "no space is left", { path: String(path) });
        },
        sync: () => file.sync(),
        close: () => file.close(),
      };
    },
  };
  return { fs, state };
}

describe("SummaryWriter creating files", () => {
  it("SummaryWriter creates no file before there is something to write", async () => {
    const fs = memoryFileSystem();
    const writer = new SummaryWriter("/logs", { fs });
    await writer.flush();
    await writer.close();
    assert.deepEqual(await fs.readDir("/"), []);
  });

  it("SummaryWriter creates one file, named like TensorFlow's, in a new folder", async () => {
    const fs = memoryFileSystem();
    const writer = new SummaryWriter("/logs/1/train", { fs, now: () => 1_700_000_000_999 });
    writer.scalar("loss", 1, 0);
    await writer.flush();
    writer.scalar("loss", 2, 1);
    await writer.close();
    const [{ name }, ...others] = await fs.readDir("/logs/1/train");
    assert.match(name, /^events\.out\.tfevents\.1700000000\.keepfit\.\d+\.\d{4,}\.v2$/);
    assert.deepEqual(others, []);
    assert.deepEqual(stepsOf(await eventsIn(fs, "/logs/1/train")), [[0, 1]]);
  });

  it("SummaryWriter creates a separate file for each writer, in order of creation", async () => {
    const fs = memoryFileSystem();
    for (let step = 0; step < 12; step++) {
      const writer = new SummaryWriter("/logs", { fs, now: () => 0, suffix: "" });
      writer.scalar("loss", 1, step);
      await writer.close();
    }
    const steps = stepsOf(await eventsIn(fs)).flat();
    assert.deepEqual(steps, Array.from({ length: 12 }, (_, step) => step));
  });

  it("SummaryWriter names a file after the existing ones, even within a second and if the clock was set back", async () => {
    for (const there of [1_700_000_000, 1_700_003_600]) {
      const fs = memoryFileSystem();
      await fs.makeDir("/logs");
      // As named by another process, with TensorFlow or keepfit.
      const name = `events.out.tfevents.${there}.keepfit.4294967296.0009.v2`;
      await fs.writeFile(`/logs/${name}`, "");
      const writer = new SummaryWriter("/logs", { fs, now: () => 1_700_000_000_999 });
      writer.scalar("loss", 1, 0);
      await writer.close();
      const names = (await fs.readDir("/logs")).map(({ name }) => name);
      assert.equal(names[0], name);
      assert.ok(names[1].startsWith(`events.out.tfevents.${there + 1}.`), names[1]);
    }
  });

  it("SummaryWriter writes to a folder given as a URL with any characters", async () => {
    const folder = await mkdtemp(join(tmpdir(), "keepfit-tensorboard-"));
    try {
      const url = new URL("50%25%20é%3F", `${pathToFileURL(folder)}/`);
      const writer = new SummaryWriter(url, { fs: getRuntime().fs });
      writer.scalar("loss", 1, 5);
      await writer.close();
      const [name] = await readdir(url);
      const events = readEvents(await readFile(new URL(encodeURIComponent(name), `${url}/`)));
      assert.deepEqual(events.map(({ step }) => step), [0, 5]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe("SummaryWriter writing", () => {
  it("SummaryWriter writes after flushMillis, with the next summary, without waiting", async () => {
    const fs = memoryFileSystem();
    let time = 50_000;
    const writer = new SummaryWriter("/logs", { fs, flushMillis: 1000, now: () => time });
    writer.scalar("loss", 1, 0);
    time += 999;
    writer.scalar("loss", 1, 1);
    await settled();
    assert.deepEqual(await eventsIn(fs), []);
    time += 1;
    assert.equal(writer.scalar("loss", 1, 2), undefined);
    await settled();
    assert.deepEqual(stepsOf(await eventsIn(fs)), [[0, 1, 2]]);
    time += 999;
    writer.scalar("loss", 1, 3);
    await settled();
    assert.deepEqual(stepsOf(await eventsIn(fs)), [[0, 1, 2]]);
    await writer.close();
    assert.deepEqual(stepsOf(await eventsIn(fs)), [[0, 1, 2, 3]]);
  });

  it("SummaryWriter writes when more than maxPendingBytes are pending", async () => {
    const fs = memoryFileSystem();
    const writer = new SummaryWriter("/logs", { fs, maxPendingBytes: 200, now: () => 0 });
    writer.scalar("loss", 1, 1);
    await settled();
    assert.deepEqual(await eventsIn(fs), []);
    for (let step = 2; step <= 4; step++) writer.scalar("loss", 1, step);
    await settled();
    assert.deepEqual(stepsOf(await eventsIn(fs)), [[1, 2, 3, 4]]);
    await writer.close();
  });

  it("SummaryWriter writes everything before flush, in order, even if it is not awaited", async () => {
    const fs = memoryFileSystem();
    const writer = new SummaryWriter("/logs", { fs });
    const flushes = [];
    for (let step = 0; step < 50; step++) {
      writer.scalar("loss", 1, step);
      flushes.push(writer.flush());
    }
    await flushes[0];
    const [first] = stepsOf(await eventsIn(fs));
    assert.equal(first[0], 0);
    await writer.close();
    assert.deepEqual(stepsOf(await eventsIn(fs)), [Array.from({ length: 50 }, (_, i) => i)]);
  });

  it("SummaryWriter writes the values at the time of the call, even if they change afterwards", async () => {
    const fs = memoryFileSystem();
    const writer = new SummaryWriter("/logs", { fs });
    const values = Float32Array.of(1, 2, 3);
    writer.histogram("kernel", values, 0, { buckets: 1 });
    values.fill(9);
    await writer.close();
    const [[{ summaries: [{ tensor }] }]] = await eventsIn(fs);
    assert.deepEqual(tensor?.values, [1, 3, 3]);
  });

  it("SummaryWriter writes many summaries of any size", async () => {
    const fs = memoryFileSystem();
    const writer = new SummaryWriter("/logs", { fs });
    const sizes = [0, 1, 126, 127, 128, 1000, 16_383, 16_384, 70_000];
    for (const [step, size] of sizes.entries()) {
      writer.text("text".repeat(step), "é".repeat(size), step);
    }
    for (let step = 0; step < 5000; step++) writer.scalar("loss", step, step);
    await writer.close();
    const [events] = await eventsIn(fs);
    const texts = events.slice(0, sizes.length).map(({ summaries: [{ tag, tensor }] }) => [
      tag,
      new TextDecoder().decode(tensor?.values[0] as Uint8Array),
    ]);
    assert.deepEqual(texts, sizes.map((size, step) => ["text".repeat(step), "é".repeat(size)]));
    assert.equal(events.length, sizes.length + 5000);
  });

  it("SummaryWriter leaves a readable file if it is killed", async () => {
    const folder = await mkdtemp(join(tmpdir(), "keepfit-tensorboard-"));
    try {
      const module = `
        import { getRuntime } from "keepfit/runtime";
        const { SummaryWriter } = await import(process.argv[2]);
        const options = { fs: getRuntime().fs, maxPendingBytes: 1000 };
        const writer = new SummaryWriter(process.argv[3], options);
        const write = (step) => {
          for (const end = step + 50; step < end; step++) writer.scalar("loss", step / 2, step);
          if (step === 1000) writer.flush().then(() => console.log("1000 are written"));
          if (step < 1e6) setTimeout(write, 0, step);
        };
        write(0);
      `;
      const entry = String(new URL("./mod.ts", import.meta.url));
      const { child, printed, result } = startChild(module, { args: [entry, folder] });
      await printed("1000 are written");
      process.kill(child.pid!, "SIGKILL");
      await result;
      const [name] = await readdir(folder);
      const events = readEvents(new Uint8Array(await readFile(join(folder, name)))).slice(1);
      assert(events.length >= 1000, `${events.length} events`);
      for (const [step, event] of events.entries()) {
        assert.equal(event.step, step);
        assert.equal(event.summaries[0].tensor?.values[0], step / 2);
      }
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe("SummaryWriter that cannot write", () => {
  it("SummaryWriter reports a failed write in flush and close, and loses nothing if it recovers", async () => {
    const { fs, state } = fillingFileSystem();
    const writer = new SummaryWriter("/logs", { fs });
    writer.scalar("loss", 1, 1);
    await writer.flush();
    writer.scalar("loss", 1, 2);
    state.isFull = true;
    await assert.rejects(writer.flush(), { name: "FileSystemError", code: "NoSpace" });
    writer.scalar("loss", 1, 3);
    await assert.rejects(writer.close(), { name: "FileSystemError", code: "NoSpace" });
    state.isFull = false;
    await writer.close();
    // The partly written file, the one that could not be started, and one with the rest.
    assert.deepEqual(stepsOf(await eventsIn(fs)), [[1], [], [2, 3]]);
  });

  it("SummaryWriter does not fail in the summary that triggered a write", async () => {
    const { fs, state } = fillingFileSystem();
    state.isFull = true;
    let time = 0;
    const writer = new SummaryWriter("/logs", { fs, flushMillis: 10, now: () => time });
    for (; time < 100; time += 10) {
      writer.scalar("loss", 1, time);
      await settled();
    }
    await assert.rejects(writer.flush(), { code: "NoSpace" });
    state.isFull = false;
    writer.scalar("loss", 1, time);
    await writer.close();
    assert.deepEqual(
      stepsOf(await eventsIn(fs)).at(-1),
      [0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100],
    );
  });

  it("SummaryWriter keeps at most maxPendingBytes, and reports how many summaries it dropped", async () => {
    const { fs, state } = fillingFileSystem();
    state.isFull = true;
    const writer = new SummaryWriter("/logs", { fs, maxPendingBytes: 200, now: () => 0 });
    writer.scalar("loss", 1, 1);
    await assert.rejects(writer.flush(), { code: "NoSpace" });
    for (let step = 2; step <= 100; step++) writer.scalar("loss", 1, step);
    await settled();
    state.isFull = false;
    await assert.rejects(writer.flush(), (error: Error) => {
      assert.match(error.message, /^Cannot keep all events of \/logs: \d+ were dropped/);
      assert.equal((error.cause as FileSystemError).code, "NoSpace");
      return true;
    });
    await writer.close();
    const written = stepsOf(await eventsIn(fs)).at(-1)!;
    assert.deepEqual(written, Array.from({ length: written.length }, (_, i) => i + 1));
    assert(written.length >= 4 && written.length < 10, String(written));
  });

  it("SummaryWriter continues in a new file if its file was removed, and warns", async () => {
    const fs = memoryFileSystem();
    const writer = new SummaryWriter("/logs", { fs });
    const { warn } = console;
    const warned: string[] = [];
    console.warn = (text) => void warned.push(text);
    try {
      writer.scalar("loss", 1, 0);
      await writer.flush();
      await fs.remove("/logs", { recursive: true });
      writer.scalar("loss", 1, 1);
      writer.scalar("loss", 1, 2);
      await writer.close();
    } finally {
      console.warn = warn;
    }
    assert.deepEqual(stepsOf(await eventsIn(fs)), [[1, 2]]);
    assert.deepEqual(warned, [
      "keepfit: the events in /logs were removed during the run; the next go to a new file",
    ]);
  });

  it("SummaryWriter fails if the folder is a file", async () => {
    const fs = memoryFileSystem();
    await fs.writeFile("/logs", "");
    const writer = new SummaryWriter("/logs", { fs });
    writer.scalar("loss", 1, 1);
    await assert.rejects(writer.close(), { name: "FileSystemError", code: "AlreadyExists" });
  });
});
