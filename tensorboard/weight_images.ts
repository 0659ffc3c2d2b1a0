import type { ImageLike } from "./image.ts";

// The limit of TensorFlow's image summaries.
const mostImages = 3;

/**
 * A weight as Keras draws it: at most three pictures, and none for an unsuitable shape.
 *
 * Axes of length 1 are dropped first. A vector is one column. A matrix is drawn with its longer
 * side across. With three axes, the last one counts the pictures. With four axes, the first one
 * counts them if the last one has 1, 3 or 4 channels. Values range from 0 (black) to 1.
 *
 * Source: `keras/src/callbacks/tensorboard.py`.
 *
 * @param weight values in row-major order
 */
export function weightImages(
  weight: { shape: readonly number[]; values: ArrayLike<number> },
): ImageLike[] {
  const values = Float32Array.from(weight.values);
  const shape = weight.shape.filter((size) => size !== 1);
  switch (shape.length) {
    case 1:
      return pictures(values, [1, shape[0], 1, 1]);
    case 2: {
      const [rows, columns] = shape;
      return rows > columns
        ? pictures(transpose(values, rows, columns), [1, columns, rows, 1])
        : pictures(values, [1, rows, columns, 1]);
    }
    case 3: {
      const [height, width, count] = shape;
      return pictures(transpose(values, height * width, count), [count, height, width, 1]);
    }
    case 4:
      return pictures(values, shape as [number, number, number, number]);
    default:
      return [];
  }
}

function pictures(
  values: Float32Array,
  [count, height, width, channels]: [number, number, number, number],
): ImageLike[] {
  if (channels !== 1 && channels !== 3 && channels !== 4) return [];
  const size = height * width * channels;
  return Array.from({ length: Math.min(count, mostImages) }, (_, i) => ({
    width,
    height,
    channels,
    data: values.slice(i * size, (i + 1) * size),
  }));
}

function transpose(values: Float32Array, rows: number, columns: number): Float32Array {
  const turned = new Float32Array(values.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      turned[column * rows + row] = values[row * columns + column];
    }
  }
  return turned;
}
