/** Elementwise functions on arrays: `assembly/arrays.ts`. */
export interface ArrayKernels {
  spread(n: number, from: number, index: number, to: number): void;
  spreadGradient(n: number, count: number, dy: number, index: number, dx: number): void;
  add(n: number, from: number, to: number): void;
  copy(n: number, from: number, to: number): void;
  zero(n: number, to: number): void;
  toFloats(n: number, from: number, to: number): void;
  addBias(rows: number, columns: number, bias: number, to: number): void;
}
