/** A run as MLflow keeps it. */
export interface MlflowRun {
  experiment: string;
  name: string | undefined;
  status: string;
  params: Record<string, string>;
  tags: Record<string, string>;
  metrics: { key: string; value: number | string; step: number; timestamp: number }[];
}

/**
 * The part of an MLflow tracking server that a client of its REST API 2.0 meets: names that are
 * there already, things that are not, limits, and errors in MLflow's form.
 */
export class MlflowServer {
  readonly experiments = new Map<string, string>([["Default", "0"]]);
  readonly runs = new Map<string, MlflowRun>();
  /** Set to have the next requests fail with this status. */
  failing: number | undefined;

  /** Answer a request. */
  readonly respond = (
    request: { method: string; url: string; text: string },
  ): Response => {
    if (this.failing !== undefined) return new Response("down", { status: this.failing });
    const { pathname, searchParams } = new URL(request.url);
    const [, path] = /\/api\/2\.0\/mlflow\/(.+)$/.exec(pathname) ?? [];
    const given = request.method === "GET"
      ? Object.fromEntries(searchParams)
      : JSON.parse(request.text);
    switch (`${request.method} ${path}`) {
      case "GET experiments/get-by-name": {
        const id = this.experiments.get(given.experiment_name);
        if (id === undefined) return refuse(404, "RESOURCE_DOES_NOT_EXIST", "no such experiment");
        return Response.json({ experiment: { experiment_id: id, name: given.experiment_name } });
      }
      case "POST experiments/create": {
        if (this.experiments.has(given.name)) {
          return refuse(400, "RESOURCE_ALREADY_EXISTS", "it is there");
        }
        const id = String(this.experiments.size);
        this.experiments.set(given.name, id);
        return Response.json({ experiment_id: id });
      }
      case "POST runs/create":
        return this.#create(given);
      case "POST runs/log-batch":
        return this.#log(given);
      case "POST runs/update": {
        const run = this.runs.get(given.run_id);
        if (run === undefined) return refuse(404, "RESOURCE_DOES_NOT_EXIST", "no such run");
        run.status = given.status;
        return Response.json({ run_info: { run_id: given.run_id, status: run.status } });
      }
    }
    return refuse(404, "ENDPOINT_NOT_FOUND", `no ${request.method} ${path}`);
  };

  #create(given: {
    experiment_id: string;
    run_name?: string;
    start_time: unknown;
    tags: { key: string; value: string }[];
  }): Response {
    if (!Number.isInteger(given.start_time)) {
      return refuse(400, "INVALID_PARAMETER_VALUE", "start_time must be milliseconds");
    }
    const experiment = [...this.experiments].find(([, id]) => id === given.experiment_id)?.[0];
    if (experiment === undefined) return refuse(404, "RESOURCE_DOES_NOT_EXIST", "no experiment");
    const run_id = `run${this.runs.size}`;
    this.runs.set(run_id, {
      experiment,
      name: given.run_name,
      status: "RUNNING",
      params: {},
      tags: Object.fromEntries(given.tags.map(({ key, value }) => [key, value])),
      metrics: [],
    });
    return Response.json({ run: { info: { run_id, status: "RUNNING" } } });
  }

  #log(given: {
    run_id: string;
    metrics?: MlflowRun["metrics"];
    params?: { key: string; value: string }[];
  }): Response {
    const { metrics = [], params = [] } = given;
    const run = this.runs.get(given.run_id);
    if (run === undefined) return refuse(404, "RESOURCE_DOES_NOT_EXIST", "no such run");
    if (metrics.length > 1000 || params.length > 100) {
      return refuse(400, "INVALID_PARAMETER_VALUE", "too many at once");
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
        return refuse(400, "INVALID_PARAMETER_VALUE", `metric ${metric.key} is none`);
      }
      run.metrics.push(metric);
    }
    return Response.json({});
  }
}

function refuse(status: number, error_code: string, message: string): Response {
  return Response.json({ error_code, message }, { status });
}
