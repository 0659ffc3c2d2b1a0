import { lineChart } from "./chart/line_chart.js";

const name = "learning-curve.svg";

/**
 * Draws the epoch logs as a line chart, with one panel for losses and one for metrics, and writes
 * it to `learning-curve.svg` after each epoch.
 */
export default function epochReport({ title }, { write }) {
  /** @type {{ epoch: number, logs: Record<string, number> }[]} */
  let epochs = [];
  let goesOn = false;

  return {
    onTrainBegin() {
      // A resumed run continues the lines.
      if (!goesOn) epochs = [];
      goesOn = false;
    },
    async onEpochEnd(epoch, logs) {
      epochs.push({ epoch, logs: { ...logs } });
      await write(name, lineChart(title, epochs));
    },
    getState() {
      return { epochs };
    },
    setState(state) {
      epochs = structuredClone(state.epochs);
      goesOn = true;
    },
  };
}
