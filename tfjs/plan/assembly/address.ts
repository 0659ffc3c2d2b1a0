/** Address of a number of an array. */
@inline
export function at(base: usize, index: i32): usize {
  return base + (<usize> index << 2);
}

/** Copy bytes, which are whole numbers; for runs that are too short for a call. */
@inline
export function copyRun(from: usize, to: usize, bytes: usize): void {
  const end = to + bytes;
  for (; to + 16 <= end; from += 16, to += 16) v128.store(to, v128.load(from));
  for (; to < end; from += 4, to += 4) store<f32>(to, load<f32>(from));
}
