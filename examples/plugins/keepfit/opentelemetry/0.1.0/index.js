const scope = { name: "keepfit/opentelemetry", version: "0.1.0" };
const ok = 1;
const failed = 2;

/**
 * Send a training to an OpenTelemetry collector with OTLP over HTTP, as JSON: the run as a trace
 * with a span for each epoch, and the logs as gauges. Data that cannot be delivered is dropped,
 * with one warning.
 */
export default function opentelemetry(options, context) {
  const { endpoint, serviceName, attributes } = options;
  const base = endpoint.replace(/\/+$/, "");
  const resource = { attributes: attributesOf({ "service.name": serviceName, ...attributes }) };
  const traceId = randomHex(32);
  const run = { spanId: randomHex(16), began: now() };
  const spans = [];
  let epochBegan = run.began;
  let failures = 0;

  async function send(path, body) {
    try {
      const { status, text } = await context.fetch(`${base}${path}`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
      });
      if (status >= 400) throw new Error(`answered ${status} ${text.slice(0, 200)}`);
    } catch (error) {
      if (failures++ === 0) context.log(`${base}${path}: ${error.message}; training continues`);
    }
  }

  const sendMetrics = (logs, more) => {
    const timeUnixNano = now();
    const metrics = Object.entries(logs)
      // JSON cannot represent other numbers, and a collector would reject the whole request.
      .filter(([, value]) => Number.isFinite(value))
      .map(([name, value]) => ({
        name: `training.${name}`,
        gauge: { dataPoints: [{ timeUnixNano, asDouble: value, attributes: attributesOf(more) }] },
      }));
    if (metrics.length === 0) return;
    return send("/v1/metrics", {
      resourceMetrics: [{ resource, scopeMetrics: [{ scope, metrics }] }],
    });
  };

  function spanOf(name, spanId, began, more, error) {
    return {
      traceId,
      spanId,
      parentSpanId: spanId === run.spanId ? "" : run.spanId,
      name,
      kind: 1,
      startTimeUnixNano: began,
      endTimeUnixNano: now(),
      attributes: attributesOf(more),
      status: error === undefined ? { code: ok } : { code: failed, message: String(error) },
    };
  }

  async function flush() {
    if (spans.length === 0) return;
    await send("/v1/traces", {
      resourceSpans: [{ resource, scopeSpans: [{ scope, spans: spans.splice(0) }] }],
    });
  }

  return {
    onTrainBegin() {
      run.began = now();
    },
    onEpochBegin() {
      epochBegan = now();
    },
    async onEpochEnd(epoch, logs) {
      spans.push(spanOf(`epoch ${epoch}`, randomHex(16), epochBegan, { epoch, ...logs }));
      const rate = context.getLearningRate();
      await sendMetrics(rate === undefined ? logs : { ...logs, learning_rate: rate }, { epoch });
      if (spans.length >= 100) await flush();
    },
    async onTrainEnd(logs) {
      spans.push(spanOf("training", run.spanId, run.began, logs));
      await flush();
    },
    async onException(error) {
      spans.push(spanOf("training", run.spanId, run.began, {}, error?.message ?? error));
      await flush();
    },
    close: flush,
  };
}

function attributesOf(values) {
  return Object.entries(values).map(([key, value]) => {
    if (typeof value === "boolean") return { key, value: { boolValue: value } };
    if (typeof value !== "number") return { key, value: { stringValue: String(value) } };
    if (Number.isSafeInteger(value)) return { key, value: { intValue: String(value) } };
    return { key, value: { doubleValue: Number.isFinite(value) ? value : String(value) } };
  });
}

/** Nanoseconds since 1970 as text, because they exceed the safe integers. */
function now() {
  return `${Date.now()}000000`;
}

function randomHex(length) {
  let text = "";
  while (text.length < length) text += Math.floor(Math.random() * 16).toString(16);
  // All zeros would mean "none".
  return /^0+$/.test(text) ? randomHex(length) : text;
}
