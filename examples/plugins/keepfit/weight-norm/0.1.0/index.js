/**
 * Add the norm of the weights to the logs of each epoch, and how much of it the epoch has changed:
 * signs of weights that grow without end, that nothing moves, or that are no numbers any more. Needs
 * no gradients.
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
          say(`weight ${i} (${weights[i].shape.join("x")}) holds NaN since epoch ${epoch}`);
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

/** Of the values, or of what is between them and others. */
function sumOfSquares(values, others) {
  let sum = 0;
  for (let i = 0; i < values.length; i++) {
    const value = others === undefined ? values[i] : values[i] - others[i];
    sum += value * value;
  }
  return sum;
}
