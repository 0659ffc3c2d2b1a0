// The checksum of ../long_crc.ts, computed like `braided` of ../crc.ts, but in words of 64 bits.
// Compiled by build/kernels.ts into ../crc.generated.ts.
//
// Table k at address k * 1024 has the contribution of each byte that k bytes follow.

/** Compute the tables of a bit-reversed polynomial, 32 KiB. */
export function prepare(polynomial: u32): void {
  for (let byte: u32 = 0; byte < 256; byte++) {
    let sum = byte;
    for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (sum & 1 ? polynomial : 0);
    store<u32>(byte << 2, sum);
  }
  for (let at: u32 = 1024; at < 32768; at += 4) {
    const sum = load<u32>(at - 1024);
    store<u32>(at, load<u32>((sum & 255) << 2) ^ (sum >>> 8));
  }
}

/** Contribution of a word; `table` is that of its last byte. */
@inline
function contribution(word: u64, table: usize): u64 {
  return load<u32>(table + 7168 + ((<usize>word & 255) << 2)) ^
    load<u32>(table + 6144 + ((<usize>(word >> 8) & 255) << 2)) ^
    load<u32>(table + 5120 + ((<usize>(word >> 16) & 255) << 2)) ^
    load<u32>(table + 4096 + ((<usize>(word >> 24) & 255) << 2)) ^
    load<u32>(table + 3072 + ((<usize>(word >> 32) & 255) << 2)) ^
    load<u32>(table + 2048 + ((<usize>(word >> 40) & 255) << 2)) ^
    load<u32>(table + 1024 + ((<usize>(word >> 48) & 255) << 2)) ^
    load<u32>(table + ((<usize>(word >> 56)) << 2));
}

/** Checksum of `length` bytes at an address, in groups of 32; `sum` is that of the data before. */
export function update(sum: u32, at: usize, length: usize): u32 {
  // Four checksums, each of every fourth word: 24 bytes of the others follow each word.
  let a: u64 = sum, b: u64 = 0, c: u64 = 0, d: u64 = 0;
  const last = at + length - 32;
  for (; at < last; at += 32) {
    a = contribution(a ^ load<u64>(at), 24576);
    b = contribution(b ^ load<u64>(at, 8), 24576);
    c = contribution(c ^ load<u64>(at, 16), 24576);
    d = contribution(d ^ load<u64>(at, 24), 24576);
  }
  // The last group joins them.
  store<u64>(at, a ^ load<u64>(at));
  store<u64>(at, b ^ load<u64>(at, 8), 8);
  store<u64>(at, c ^ load<u64>(at, 16), 16);
  store<u64>(at, d ^ load<u64>(at, 24), 24);
  let joined: u64 = 0;
  for (const end = at + 32; at < end; at += 8) joined = contribution(joined ^ load<u64>(at), 0);
  return <u32>joined;
}
