import type { FileSystem } from "../runtime/types.ts";
import { readEvents, type SummaryEvent } from "./read_events.ts";

/** The events of each file in a folder, without the headers. */
export async function eventsIn(fs: FileSystem, folder = "/logs"): Promise<SummaryEvent[][]> {
  const files = await fs.readDir(folder).catch(() => []);
  const read = files.map(async ({ name }) => {
    const [, ...events] = readEvents(await fs.readFile(`${folder}/${name}`));
    return events;
  });
  return Promise.all(read);
}
