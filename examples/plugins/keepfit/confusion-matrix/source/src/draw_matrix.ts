import { drawText, textWidth } from "./font.ts";

/** Pixels in rows: red, green and blue. */
export interface Picture {
  width: number;
  height: number;
  channels: 3;
  data: Uint8Array;
}

// Just large enough for five digits, because compression is slow in the sandbox.
const cell = 32;
const margin = 8;
const ink: Color = [32, 33, 36];
const paper: Color = [255, 255, 255];
const full: Color = [8, 81, 156];

/** Red, green and blue. */
export type Color = readonly [number, number, number];

/** Draw a matrix of counts; a darker cell is a larger share of its row. */
export function drawMatrix(counts: number[][], labels: string[]): Picture {
  const left = margin * 2 + Math.max(...labels.map((label) => textWidth(label)));
  const top = margin * 4;
  const width = left + cell * labels.length + margin;
  const height = top + cell * labels.length + margin;
  const picture: Picture = {
    width,
    height,
    channels: 3,
    data: new Uint8Array(width * height * 3).fill(255),
  };
  labels.forEach((label, i) => {
    const x = left + i * cell + (cell - textWidth(label)) / 2;
    drawText(picture, label, Math.round(x), margin * 2, ink);
    drawText(picture, label, margin, top + i * cell + cell / 2 - 4, ink);
  });
  counts.forEach((row, i) => {
    const sum = row.reduce((total, count) => total + count, 0);
    row.forEach((count, j) => {
      const share = sum === 0 ? 0 : count / sum;
      const color = paper.map((from, channel) => Math.round(from + (full[channel] - from) * share));
      const x = left + j * cell;
      const y = top + i * cell;
      fill(picture, x, y, cell - 1, cell - 1, color as unknown as Color);
      const text = String(count);
      const textLeft = x + Math.round((cell - textWidth(text)) / 2);
      drawText(picture, text, textLeft, y + cell / 2 - 4, share > 0.5 ? paper : ink);
    });
  });
  return picture;
}

function fill(
  picture: Picture,
  x: number,
  y: number,
  width: number,
  height: number,
  color: Color,
): void {
  for (let row = y; row < y + height; row++) {
    for (let column = x; column < x + width; column++) {
      picture.data.set(color, (row * picture.width + column) * 3);
    }
  }
}
