import { crc32c } from "./crc.ts";
import { crcCode } from "./crc.generated.ts";

/**
 * {@linkcode crc32c} for data of many megabytes: in WebAssembly, which takes half as long on Node 20,
 * unless that is missing or forbidden.
 *
 * @param bytes data
 * @param before checksum of the preceding data, to continue from. Default: 0
 * @returns an unsigned 32-bit integer
 */
export function longCrc32c(bytes: Uint8Array, before = 0): number {
  if (bytes.length < longBytes) return crc32c(bytes, 0, bytes.length, before);
  update ??= compile() ?? "none";
  if (update === "none") return crc32c(bytes, 0, bytes.length, before);
  const groups = bytes.length - bytes.length % groupBytes;
  return crc32c(bytes, groups, bytes.length, ~update(~before, bytes, groups) >>> 0);
}

/** Size from which WebAssembly is worth compiling. */
const longBytes = 262_144;

/** Continues an inverted checksum with the first `length` bytes, whole groups. */
type Update = (sum: number, bytes: Uint8Array, length: number) => number;

let update: Update | "none" | undefined;

/** The functions of `assembly/`, where they are documented. */
interface Functions {
  prepare(polynomial: number): void;
  update(sum: number, address: number, length: number): number;
}

/** Size of a group. */
const groupBytes = 32;
/** Size of the tables. The data follows them. */
const tableBytes = 32_768;
const pages = 2;

/** Undefined where WebAssembly is missing or forbidden. */
function compile(): Update | undefined {
  try {
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    const code = Uint8Array.from(atob(crcCode), (char) => char.charCodeAt(0));
    const instance = new WebAssembly.Instance(new WebAssembly.Module(code), { env: { memory } });
    const { prepare, update } = instance.exports as unknown as Functions;
    prepare(0x82f63b78);
    const data = new Uint8Array(memory.buffer, tableBytes);
    return (sum, bytes, length) => {
      for (let at = 0; at < length; at += data.length) {
        const block = bytes.subarray(at, Math.min(at + data.length, length));
        data.set(block);
        sum = update(sum, tableBytes, block.length);
      }
      return sum;
    };
  } catch {
    return undefined;
  }
}
