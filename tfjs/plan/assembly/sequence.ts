// Embeddings, and masks: 1 for each time step that counts, 0 otherwise.
import { at } from "./address";

/**
 * Look up rows of a table.
 *
 * @param numbers indices of the rows
 * @param mask receives 0 for index 0, 1 for any other; 0 for no mask
 * @returns the position of the first index outside of the table; -1 if there is none
 */
export function embed(
  n: i32, columns: i32, count: i32, numbers: usize, table: usize, to: usize, mask: usize,
): i32 {
  const bytes = <usize> columns << 2;
  for (let i = 0; i < n; i++, to += bytes) {
    const value = load<f32>(at(numbers, i));
    const row = <i32> value;
    if (row < 0 || row >= count) return i;
    memory.copy(to, table + <usize> row * bytes, bytes);
    if (mask != 0) store<f32>(at(mask, i), value != 0 ? 1 : 0);
  }
  return -1;
}

/** Add the gradients of looked up rows to that of the table. */
export function embedGradient(n: i32, columns: i32, numbers: usize, from: usize, to: usize): void {
  const bytes = <usize> columns << 2;
  for (let i = 0; i < n; i++) {
    let row = to + <usize> (<i32> load<f32>(at(numbers, i))) * bytes;
    let j = 0;
    for (; j + 4 <= columns; j += 4, row += 16, from += 16) {
      v128.store(row, f32x4.add(v128.load(row), v128.load(from)));
    }
    for (; j < columns; j++, row += 4, from += 4) store<f32>(row, load<f32>(row) + load<f32>(from));
  }
}

/** Mask of the time steps that have a value other than `value`. */
export function maskSteps(steps: i32, columns: i32, value: f32, x: usize, mask: usize): void {
  for (let i = 0; i < steps; i++, mask += 4) {
    let counts: f32 = 0;
    for (let j = 0; j < columns; j++, x += 4) if (load<f32>(x) != value) counts = 1;
    store<f32>(mask, counts);
  }
}

/** Weights of the time steps: the mask, scaled to a mean of 1, times the sample weights. */
export function maskWeights(n: i32, mask: usize, weights: usize, to: usize): void {
  let sum: f32 = 0;
  for (let i = 0; i < n; i++) sum += load<f32>(at(mask, i));
  for (let i = 0; i < n; i++) {
    const weight = load<f32>(at(mask, i)) * <f32> n / (sum + 1e-7);
    store<f32>(at(to, i), weights != 0 ? weight * load<f32>(at(weights, i)) : weight);
  }
}

/** y = x times the factor of each row. */
export function scaleRows(rows: i32, columns: i32, factors: usize, x: usize, y: usize): void {
  for (let i = 0; i < rows; i++, factors += 4) {
    const factor = load<f32>(factors);
    for (let j = 0; j < columns; j++, x += 4, y += 4) store<f32>(y, load<f32>(x) * factor);
  }
}
