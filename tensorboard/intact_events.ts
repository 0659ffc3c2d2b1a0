import { maskedCrc32c } from "./crc.ts";
import { viewOf } from "./protobuf.ts";

/** The events of a file that can be read. */
export interface IntactEvents {
  /** Bytes of the file without what is damaged, in order. */
  parts: Uint8Array[];
  /** Offset in bytes of the first damaged or incomplete event; undefined if there is none. */
  damagedAt: number | undefined;
}

/**
 * Find the damaged events of a file. Readers stop at the first of them; without those bytes, they
 * read the rest of the file.
 *
 * @param bytes content of the file
 */
export function intactEvents(bytes: Uint8Array): IntactEvents {
  const parts: Uint8Array[] = [];
  let damagedAt: number | undefined;
  for (let offset = 0; offset < bytes.length;) {
    const start = offset;
    for (let end = endOfEvent(bytes, offset); end !== undefined;) {
      offset = end;
      end = endOfEvent(bytes, offset);
    }
    if (offset > start) parts.push(bytes.subarray(start, offset));
    if (offset === bytes.length) break;
    damagedAt ??= offset;
    // The length may be what is damaged, so the next event may begin anywhere.
    do offset++; while (offset < bytes.length && endOfEvent(bytes, offset) === undefined);
  }
  return { parts, damagedAt };
}

/** The end of the event at an offset; undefined if it is damaged or incomplete. */
function endOfEvent(bytes: Uint8Array, offset: number): number | undefined {
  if (bytes.length - offset < 16) return undefined;
  const view = viewOf(bytes);
  const length = Number(view.getBigUint64(offset, true));
  const [start, end] = [offset + 12, offset + 12 + length];
  if (end + 4 > bytes.length) return undefined;
  if (view.getUint32(offset + 8, true) !== maskedCrc32c(bytes, offset, offset + 8)) {
    return undefined;
  }
  return view.getUint32(end, true) === maskedCrc32c(bytes, start, end) ? end + 4 : undefined;
}
