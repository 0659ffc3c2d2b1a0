/** Activations: `assembly/activation.ts`. */
export interface ActivationKernels {
  activate(kind: number, n: number, x: number, y: number, alpha: number): void;
  activateGradient(
    kind: number,
    n: number,
    x: number,
    y: number,
    d: number,
    alpha: number,
  ): void;
  prelu(rows: number, size: number, x: number, alpha: number, y: number): void;
  preluGradient(
    rows: number,
    size: number,
    x: number,
    alpha: number,
    dy: number,
    dx: number,
    da: number,
  ): void;
  softmax(rows: number, columns: number, x: number, y: number): void;
  softmaxGradient(rows: number, columns: number, y: number, d: number): void;
  logSoftmax(rows: number, columns: number, x: number, y: number): void;
  logSoftmaxGradient(rows: number, columns: number, y: number, d: number): void;
}
