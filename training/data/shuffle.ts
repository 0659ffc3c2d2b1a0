import { random } from "../../core/random.ts";

/**
 * The order of the rows in one pass over the data. It depends only on seed and pass: a run that
 * restarts at pass 7 has the order of pass 7.
 *
 * @param rows number of rows
 * @param seed the run's seed
 * @param pass 0-based number of the pass
 * @param together number of rows that stay together, for `shuffle: "batch"`; 1 shuffles rows
 */
export function shuffledOrder(
  rows: number,
  seed: number,
  pass: number,
  together = 1,
): Uint32Array {
  const { below } = random(seed, pass);
  // A last, smaller group stays last, as in Keras.
  const groups = together === 1 ? rows : Math.floor(rows / together);
  const order = new Uint32Array(groups);
  for (let i = 0; i < groups; i++) order[i] = i;
  for (let i = groups - 1; i > 0; i--) {
    const j = below(i + 1);
    const swapped = order[i];
    order[i] = order[j];
    order[j] = swapped;
  }
  if (together === 1) return order;
  const expanded = new Uint32Array(rows);
  for (let row = 0; row < rows; row++) {
    const group = Math.floor(row / together);
    expanded[row] = group < groups ? order[group] * together + row % together : row;
  }
  return expanded;
}
