/** Maximum number of metrics in a request to MLflow. */
const maxBatch = 1000;

/**
 * Log a training to an MLflow tracking server with its REST API 2.0: an experiment, a run, the
 * parameters of the training, and the logs of each epoch as metrics. A failing server never fails
 * the training; data that could not be sent is sent with the next request.
 */
export default function mlflow(options, context) {
  const { trackingUri, experiment, runName, tags, params: userParams } = options;
  const token = context.env?.("MLFLOW_TRACKING_TOKEN");
  const base = trackingUri.replace(/\/+$/, "");
  let params = {};
  let runId;
  let waiting = [];
  let failures = 0;

  async function call(method, path, body) {
    const query = method === "GET"
      ? `?${
        Object.entries(body).map(([key, value]) => `${key}=${encodeURIComponent(value)}`).join("&")
      }`
      : "";
    const response = await context.fetch(`${base}/api/2.0/mlflow/${path}${query}`, {
      method,
      headers: {
        "content-type": "application/json",
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      ...(method === "GET" ? {} : { body: JSON.stringify(body) }),
    });
    let answer = {};
    try {
      answer = JSON.parse(response.text || "{}");
    } catch {
      // The response may be a page of a proxy, so only the status is used.
    }
    if (response.status === 200) return answer;
    throw Object.assign(
      new Error(`${path} answered ${response.status}: ${answer.message ?? "no message"}`),
      { code: answer.error_code },
    );
  }

  async function findExperiment() {
    const experiment_name = experiment;
    try {
      const found = await call("GET", "experiments/get-by-name", { experiment_name });
      return found.experiment.experiment_id;
    } catch (error) {
      if (error.code !== "RESOURCE_DOES_NOT_EXIST") throw error;
    }
    try {
      return (await call("POST", "experiments/create", { name: experiment })).experiment_id;
    } catch (error) {
      // Another client has created it in the meantime.
      if (error.code !== "RESOURCE_ALREADY_EXISTS") throw error;
      const found = await call("GET", "experiments/get-by-name", { experiment_name });
      return found.experiment.experiment_id;
    }
  }

  async function begin() {
    if (runId !== undefined) {
      await call("POST", "runs/update", { run_id: runId, status: "RUNNING" });
      return;
    }
    const { run } = await call("POST", "runs/create", {
      experiment_id: await findExperiment(),
      start_time: Date.now(),
      run_name: runName,
      tags: Object.entries({ "mlflow.source.name": "keepfit", ...tags })
        .map(([key, value]) => ({ key, value: String(value) })),
    });
    runId = run.info.run_id;
    const all = Object.entries({ ...params, ...userParams })
      .map(([key, value]) => ({ key, value: String(value).slice(0, 6000) }));
    if (all.length > 0) await call("POST", "runs/log-batch", { run_id: runId, params: all });
  }

  /** Run a task, without letting a failure of the server fail the training. */
  async function attempt(work) {
    try {
      if (runId === undefined) await begin();
      await work();
    } catch (error) {
      if (failures++ === 0) context.log(`${base} failed: ${error.message}; training continues`);
    }
  }

  async function flush() {
    while (waiting.length > 0) {
      const metrics = waiting.slice(0, maxBatch);
      await call("POST", "runs/log-batch", { run_id: runId, metrics });
      waiting = waiting.slice(metrics.length);
    }
  }

  const finish = (status) =>
    attempt(async () => {
      await flush();
      await call("POST", "runs/update", { run_id: runId, status, end_time: Date.now() });
    });

  return {
    setParams({ epochs, batchSize, samples, steps, seed }) {
      const given = { epochs, batch_size: batchSize, samples, steps, seed };
      params = Object.fromEntries(
        Object.entries(given).filter(([, value]) => value !== null && value !== undefined),
      );
    },
    async onTrainBegin() {
      failures = 0;
      const goesOn = runId !== undefined;
      await attempt(async () => {
        if (goesOn) await begin();
      });
    },
    async onEpochEnd(epoch, logs) {
      const timestamp = Date.now();
      for (const [key, value] of Object.entries(logs)) {
        if (typeof value !== "number") continue;
        // MLflow's clients write numbers that JSON cannot represent like this.
        const isFinite = Number.isFinite(value);
        waiting.push({ key, value: isFinite ? value : String(value), timestamp, step: epoch });
      }
      await attempt(flush);
    },
    onTrainEnd: () => finish("FINISHED"),
    onException: () => finish("FAILED"),
    getState: () => runId === undefined ? {} : { runId },
    setState(state) {
      runId = state.runId;
    },
  };
}
