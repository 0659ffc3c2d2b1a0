/**
 * Add the norm of the weights, and the norm of their change, to the logs of each epoch. They reveal
 * weights that grow without bound, do not change, or are NaN. Gradients are not needed.
 */
export default function weightNorm(options, context) {
  const { perWeight, warn } = options;
  let before;
  const warned = new Set();

  function say(what) {
    if (!warn || warned.has(what)) return;
    warned.add(what);
    context.log(what);
  }

  return {
    async onTrainBegin() {
      before = await context.readWeights();
    },
    async onEpochEnd(epoch, logs) {
      const weights = await context.readWeights();
      let total = 0;
      let changed = 0;
      weights.forEach(({ values }, i) => {
        const squares = sumOfSquares(values);
        const change = sumOfSquares(values, before?.[i]?.values);
        total += squares;
        changed += change;
        if (perWeight) logs[`weight_norm_${i}`] = Math.sqrt(squares);
        if (Number.isNaN(squares)) {
          say(`weight ${i} (${weights[i].shape.join("x")}) contains NaN since epoch ${epoch}`);
        } else if (epoch > 0 && change === 0 && squares > 0) {
          say(`weight ${i} (${weights[i].shape.join("x")}) did not change in epoch ${epoch}`);
        }
      });
      logs.weight_norm = Math.sqrt(total);
      logs.weight_change = total === 0 ? 0 : Math.sqrt(changed / total);
      before = weights;
    },
  };
}

/** The sum of squares of values, or of their differences from others. */
function sumOfSquares(values, others) {
  let sum = 0;
  for (let i = 0; i < values.length; i++) {
    const value = others === undefined ? values[i] : values[i] - others[i];
    sum += value * value;
  }
  return sum;
}
