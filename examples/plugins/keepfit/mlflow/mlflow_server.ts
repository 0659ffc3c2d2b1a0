/** A run as MLflow stores it. */
export interface MlflowRun {
  experiment: string;
  name: string | undefined;
  status: string;
  params: Record<string, string>;
  tags: Record<string, string>;
  metrics: { key: string; value: number | string; step: number; timestamp: number }[];
}

/**
 * A subset of an MLflow tracking server with REST API 2.0: it rejects existing names and unknown
 * ids, has limits, and returns errors in MLflow's format.
 */
export class MlflowServer {
  readonly experiments = new Map<string, string>([["Default", "0"]]);
  readonly runs = new Map<string, MlflowRun>();
  /** Status with which all requests fail. Default: undefined, none. */
  failing: number | undefined;

  /** Respond to a request. */
  readonly respond = (
    request: { method: string; url: string; text: string },
  ): Response => {
    if (this.failing !== undefined) return new Response("down", { status: this.failing });
    const { pathname, searchParams } = new URL(request.url);
    const [, path] = /\/api\/2\.0\/mlflow\/(.+)$/.exec(pathname) ?? [];
    const parameters = request.method === "GET"
      ? Object.fromEntries(searchParams)
      : JSON.parse(request.text);
    switch (`${request.method} ${path}`) {
      case "GET experiments/get-by-name": {
        const id = this.experiments.get(parameters.experiment_name);
        if (id === undefined) return refuse(404, "RESOURCE_DOES_NOT_EXIST", "no such experiment");
        return Response.json({
          experiment: { experiment_id: id, name: parameters.experiment_name },
        });
      }
      case "POST experiments/create": {
        if (this.experiments.has(parameters.name)) {
          return refuse(400, "RESOURCE_ALREADY_EXISTS", "the experiment exists");
        }
        const id = String(this.experiments.size);
        this.experiments.set(parameters.name, id);
        return Response.json({ experiment_id: id });
      }
      case "POST runs/create":
        return this.#create(parameters);
      case "POST runs/log-batch":
        return this.#log(parameters);
      case "POST runs/update": {
        const run = this.runs.get(parameters.run_id);
        if (run === undefined) return refuse(404, "RESOURCE_DOES_NOT_EXIST", "no such run");
        run.status = parameters.status;
        return Response.json({ run_info: { run_id: parameters.run_id, status: run.status } });
      }
    }
    return refuse(404, "ENDPOINT_NOT_FOUND", `no ${request.method} ${path}`);
  };

  #create(parameters: {
    experiment_id: string;
    run_name?: string;
    start_time: unknown;
    tags: { key: string; value: string }[];
  }): Response {
    if (!Number.isInteger(parameters.start_time)) {
      return refuse(400, "INVALID_PARAMETER_VALUE", "start_time must be milliseconds");
    }
    const experiment = [...this.experiments].find(([, id]) => id === parameters.experiment_id)?.[0];
    if (experiment === undefined) return refuse(404, "RESOURCE_DOES_NOT_EXIST", "no experiment");
    const run_id = `run${this.runs.size}`;
    this.runs.set(run_id, {
      experiment,
      name: parameters.run_name,
      status: "RUNNING",
      params: {},
      tags: Object.fromEntries(parameters.tags.map(({ key, value }) => [key, value])),
      metrics: [],
    });
    return Response.json({ run: { info: { run_id, status: "RUNNING" } } });
  }

  #log(parameters: {
    run_id: string;
    metrics?: MlflowRun["metrics"];
    params?: { key: string; value: string }[];
  }): Response {
    const { metrics = [], params = [] } = parameters;
    const run = this.runs.get(parameters.run_id);
    if (run === undefined) return refuse(404, "RESOURCE_DOES_NOT_EXIST", "no such run");
    if (metrics.length > 1000 || params.length > 100) {
      return refuse(400, "INVALID_PARAMETER_VALUE", "too many metrics");
    }
    for (const { key, value } of params) {
      if (run.params[key] !== undefined && run.params[key] !== value) {
        return refuse(400, "INVALID_PARAMETER_VALUE", `param ${key} cannot change`);
      }
      run.params[key] = value;
    }
    for (const metric of metrics) {
      const isNumber = typeof metric.value === "number" ||
        ["NaN", "Infinity", "-Infinity"].includes(metric.value);
      if (!isNumber || !Number.isInteger(metric.step) || !Number.isInteger(metric.timestamp)) {
        return refuse(400, "INVALID_PARAMETER_VALUE", `metric ${metric.key} is not a number`);
      }
      run.metrics.push(metric);
    }
    return Response.json({});
  }
}

function refuse(status: number, error_code: string, message: string): Response {
  return Response.json({ error_code, message }, { status });
}
