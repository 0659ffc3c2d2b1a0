const colors = { begin: "#888888", improved: "#2eb67d", end: "#36c5f0", failed: "#e01e5a" };

/**
 * Post a message to a webhook when training begins, improves, ends or fails, in the format of Slack
 * (`text` and `attachments`), which most others support. Training never waits for a message;
 * pending ones are awaited at the end.
 */
export default function webhook(options, context) {
  const { url, events, monitor, mode, title, minSeconds } = options;
  const pending = new Set();
  let epochs = 0;
  let began = Date.now();
  let best;
  let lastSent = -Infinity;
  let failures = 0;

  function post(event, text, logs) {
    if (!events.includes(event)) return;
    const fields = Object.entries(logs).map(([name, value]) => ({
      title: name,
      value: show(value),
      short: true,
    }));
    const body = JSON.stringify({
      text: `${title}: ${text}`,
      attachments: fields.length > 0 ? [{ color: colors[event], fields }] : [],
    });
    const sending = context.fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body,
    }).then(({ status }) => {
      if (status >= 400) throw new Error(`the webhook answered ${status}`);
    }).catch((error) => {
      // Reported only once, so that a webhook that is down does not fill the terminal.
      if (failures++ === 0) context.log(`a message was not delivered: ${error.message}`);
    }).finally(() => pending.delete(sending));
    pending.add(sending);
  }

  function isBetter(value) {
    if (typeof value !== "number" || Number.isNaN(value)) return false;
    return best === undefined || (mode === "max" ? value > best : value < best);
  }

  return {
    setParams(params) {
      epochs = params.epochs;
    },
    onTrainBegin() {
      began = Date.now();
      post("begin", `training begins, ${epochs} epochs`, {});
    },
    onEpochEnd(epoch, logs) {
      const value = logs[monitor];
      if (!isBetter(value)) return;
      best = value;
      // The first value is not an improvement.
      if (epoch === 0 || Date.now() - lastSent < minSeconds * 1000) return;
      lastSent = Date.now();
      post("improved", `${monitor} is ${show(value)} after epoch ${epoch + 1} of ${epochs}`, logs);
    },
    onTrainEnd(logs) {
      const seconds = Math.round((Date.now() - began) / 1000);
      post("end", `training has ended after ${seconds} s`, logs);
    },
    onException(error) {
      post("failed", `training has failed: ${error?.message ?? error}`, {});
    },
    getState: () => best === undefined ? {} : { best },
    setState(state) {
      best = state.best;
    },
    async close() {
      await Promise.all(pending);
    },
  };
}

function show(value) {
  return Number.isInteger(value) ? String(value) : Number(value).toPrecision(5);
}
