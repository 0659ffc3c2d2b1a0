import { ProtobufWriter } from "./protobuf.ts";
import type { Summary } from "./summary.ts";

/** A metric by which sessions are compared. */
export interface HparamsMetric {
  /** Tag of the scalar. */
  tag: string;
  /** Name shown instead of the tag. Default: the tag. */
  displayName?: string;
  /**
   * Folder of the scalar, relative to that of the session, such as `"validation"`. Default: the
   * folder of the session.
   */
  group?: string;
  /** Description in Markdown. Default: none. */
  description?: string;
}

/** Options of a session. */
export interface HparamsOptions {
  /**
   * Metrics of the experiment, written with the names and types of the hyperparameters. TensorBoard
   * shows the first experiment it finds, so use the same metrics in all sessions that you compare.
   * Default: none; TensorBoard uses the scalars that all sessions share.
   */
  metrics?: readonly HparamsMetric[];
  /**
   * Trial of the session; sessions of one trial share a row. Default: the hyperparameters as JSON,
   * so that sessions with equal hyperparameters share a trial.
   */
  trialId?: string;
  /** Start of the session in milliseconds since 1970. Default: now. */
  startTime?: number;
}

/** The value of a hyperparameter. */
export type HparamValue = string | number | boolean;

/** The experiment: names and types of the hyperparameters, and the metrics. */
export function experimentSummary(
  hparams: Readonly<Record<string, HparamValue>>,
  metrics: readonly HparamsMetric[],
  time: number,
): Summary {
  return hparamsSummary("experiment", 2, (out) => {
    out.double(3, time / 1000);
    for (const name of Object.keys(hparams).sort()) {
      out.message(4, () => {
        out.text(1, name);
        out.varint(4, { string: 1, boolean: 2, number: 3 }[typeof hparams[name] as "string"]);
      });
    }
    for (const { tag, displayName, group, description } of metrics) {
      out.message(5, () => {
        out.message(1, () => {
          if (group) out.text(1, group);
          out.text(2, tag);
        });
        if (displayName) out.text(3, displayName);
        if (description) out.text(4, description);
      });
    }
  });
}

/**
 * The hyperparameters of a session.
 *
 * @throws TypeError for a value that is not a string, number or boolean
 */
export function sessionStartSummary(
  hparams: Readonly<Record<string, HparamValue>>,
  trialId: string | undefined,
  time: number,
): Summary {
  const names = Object.keys(hparams).sort();
  return hparamsSummary("session_start_info", 3, (out) => {
    for (const name of names) {
      out.message(1, () => {
        out.text(1, name);
        out.message(2, () => writeValue(out, name, hparams[name]));
      });
    }
    out.text(4, trialId ?? JSON.stringify(Object.fromEntries(names.map((n) => [n, hparams[n]]))));
    out.double(5, time / 1000);
  });
}

/** The end of a session. */
export function sessionEndSummary(status: "success" | "failure", time: number): Summary {
  return hparamsSummary("session_end_info", 4, (out) => {
    out.varint(1, status === "success" ? 1 : 2);
    out.double(2, time / 1000);
  });
}

/** The plugin reads only the metadata; the tensor is empty. */
function hparamsSummary(
  tag: string,
  field: number,
  write: (out: ProtobufWriter) => void,
): Summary {
  const out = new ProtobufWriter();
  out.message(field, () => write(out));
  return {
    tag: `_hparams_/${tag}`,
    plugin: "hparams",
    content: out.take(),
    tensor: { dtype: "float32", shape: [0], values: [] },
  };
}

function writeValue(out: ProtobufWriter, name: string, value: HparamValue): void {
  if (typeof value === "number") return out.double(2, value);
  if (typeof value === "string") return out.text(3, value);
  if (typeof value === "boolean") return out.varint(4, value ? 1 : 0);
  throw new TypeError(
    `Cannot write the hyperparameter ${name} of type ${typeof value}: ` +
      `it must be a string, number or boolean`,
  );
}
