/** The used part of `@jax-js/jax`. Calls consume their arrays; `ref` keeps an array. */
export interface Jax {
  init(device: "wasm"): Promise<unknown>;
  jit<F>(f: F): F;
  valueAndGrad(loss: Loss): (...parameters: Parameters<Loss>) => [JaxArray, Weights];
  blockUntilReady<T>(tree: T): Promise<T>;
  tree: { ref<T>(tree: T): T };
  nn: Record<"relu" | "logSoftmax", (x: JaxArray) => JaxArray>;
  numpy: {
    array(data: Float32Array): JaxArray;
    matmul(a: JaxArray, b: JaxArray): JaxArray;
  };
}

interface JaxArray {
  readonly ref: JaxArray;
  add(other: JaxArray): JaxArray;
  sub(other: JaxArray): JaxArray;
  mul(other: JaxArray | number): JaxArray;
  sum(): JaxArray;
  reshape(shape: number[]): JaxArray;
  dispose(): void;
}

type Weights = Record<"kernel1" | "bias1" | "kernel2" | "bias2", JaxArray>;
type Loss = (weights: Weights, x: JaxArray, y: JaxArray) => JaxArray;

/**
 * Create a dense classifier that is trained with plain gradient descent on the wasm device, one
 * jitted step per batch. The batches are created in advance.
 *
 * @param sizes inputs, hidden units, classes
 * @param rows number of rows, a multiple of `batchSize`
 * @returns a function that trains for a number of epochs
 */
export async function jaxTraining(
  { init, jit, valueAndGrad, blockUntilReady, tree, nn, numpy }: Jax,
  [inputs, hidden, classes]: number[],
  rows: number,
  batchSize: number,
): Promise<(epochs: number) => Promise<void>> {
  await init("wasm");
  const random = (shape: number[], scale: number) =>
    numpy.array(
      Float32Array.from(
        { length: shape.reduce((a, b) => a * b) },
        () => scale * (2 * Math.random() - 1),
      ),
    ).reshape(shape);
  const classRows = () => {
    const y = new Float32Array(batchSize * classes);
    for (let row = 0; row < y.length; row += classes) {
      y[row + Math.floor(Math.random() * classes)] = 1;
    }
    return numpy.array(y).reshape([batchSize, classes]);
  };
  const batches = Array.from(
    { length: rows / batchSize },
    () => [random([batchSize, inputs], 1), classRows()],
  );
  const loss: Loss = ({ kernel1, bias1, kernel2, bias2 }, x, y) => {
    const features = nn.relu(numpy.matmul(x, kernel1).add(bias1));
    const logits = numpy.matmul(features, kernel2).add(bias2);
    return nn.logSoftmax(logits).mul(y).sum().mul(-1 / batchSize);
  };
  const step = jit((weights: Weights, x: JaxArray, y: JaxArray): [JaxArray, Weights] => {
    const [value, gradients] = valueAndGrad(loss)(tree.ref(weights), x, y);
    const update = (name: keyof Weights) => weights[name].sub(gradients[name].mul(0.01));
    return [value, {
      kernel1: update("kernel1"),
      bias1: update("bias1"),
      kernel2: update("kernel2"),
      bias2: update("bias2"),
    }];
  });
  let weights: Weights = {
    kernel1: random([inputs, hidden], 0.05),
    bias1: random([hidden], 0.05),
    kernel2: random([hidden, classes], 0.05),
    bias2: random([classes], 0.05),
  };
  return async (epochs) => {
    for (let epoch = 0; epoch < epochs; epoch++) {
      for (const [x, y] of batches) {
        const [value, updated] = step(weights, x.ref, y.ref);
        value.dispose();
        weights = updated;
      }
      // More steps between two pauses would make each step slower.
      await blockUntilReady(weights);
    }
  };
}
