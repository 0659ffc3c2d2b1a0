/**
 * Serve the metrics of a training to Prometheus, in its text format, at an address of this machine.
 */
export default function prometheus(options, context) {
  const { path, prefix, labels, everyBatches } = options;
  const gauges = new Map();
  const counters = { epochs_total: 0, batches_total: 0, failures_total: 0 };
  let running = 0;

  function set(name, value, more = {}) {
    gauges.set(`${name}${labelsOf({ ...labels, ...more })}`, { name, value });
  }

  function take(logs, split) {
    for (const [key, value] of Object.entries(logs)) {
      if (typeof value !== "number") continue;
      const isValidation = key.startsWith("val_");
      const name = metricName(isValidation ? key.slice(4) : key);
      set(name, value, { split: isValidation ? "validation" : split });
    }
  }

  async function publish() {
    const lines = [];
    const byName = new Map();
    for (const [key, { name, value }] of gauges) {
      byName.set(name, [...byName.get(name) ?? [], `${prefix}_${key} ${number(value)}`]);
    }
    for (const [name, samples] of [...byName].sort(([a], [b]) => a < b ? -1 : 1)) {
      lines.push(`# TYPE ${prefix}_${name} gauge`, ...samples);
    }
    for (const [name, value] of Object.entries(counters)) {
      lines.push(`# TYPE ${prefix}_${name} counter`);
      lines.push(`${prefix}_${name}${labelsOf(labels)} ${value}`);
    }
    lines.push(`# TYPE ${prefix}_running gauge`, `${prefix}_running${labelsOf(labels)} ${running}`);
    return await context.publish(path, `${lines.join("\n")}\n`, "text/plain; version=0.0.4");
  }

  return {
    async onTrainBegin() {
      running = 1;
      context.log(`metrics are at ${await publish()}`);
    },
    async onTrainBatchEnd(batch, logs) {
      counters.batches_total += everyBatches;
      take(logs, "training");
      set("batch", batch + 1);
      await publish();
    },
    readsBatchLogs: (batch) => (batch + 1) % everyBatches === 0,
    async onEpochEnd(epoch, logs) {
      counters.epochs_total++;
      take(logs, "training");
      set("epoch", epoch + 1);
      const rate = context.getLearningRate();
      if (rate !== undefined) set("learning_rate", rate);
      await publish();
    },
    async onTrainEnd() {
      running = 0;
      await publish();
    },
    async onException() {
      running = 0;
      counters.failures_total++;
      await publish();
    },
  };
}

function metricName(key) {
  return key.replace(/[^a-zA-Z0-9_]/g, "_");
}

function labelsOf(labels) {
  const entries = Object.entries(labels).map(([name, value]) => {
    const escaped = String(value).replace(/\\/g, "\\\\").replace(/"/g, '\\"').replace(/\n/g, "\\n");
    return `${metricName(name)}="${escaped}"`;
  });
  return entries.length === 0 ? "" : `{${entries.join(",")}}`;
}

function number(value) {
  if (value === Infinity) return "+Inf";
  if (value === -Infinity) return "-Inf";
  return String(value);
}
