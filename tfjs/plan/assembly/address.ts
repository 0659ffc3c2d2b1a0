/** Address of an array element. */
@inline
export function at(base: usize, index: i32): usize {
  return base + (<usize> index << 2);
}

/** Copy a multiple of four bytes, for runs too short for memory.copy. */
@inline
export function copyRun(from: usize, to: usize, bytes: usize): void {
  const end = to + bytes;
  for (; to + 16 <= end; from += 16, to += 16) v128.store(to, v128.load(from));
  for (; to < end; from += 4, to += 4) store<f32>(to, load<f32>(from));
}
