import { ProtobufWriter } from "./protobuf.ts";
import { writeSummary } from "./summary.ts";

/** The summary of a scalar, encoded once per tag; only the value changes from step to step. */
export class ScalarTemplate {
  readonly #fields: Uint8Array;
  readonly #valueAt: number;

  /** @param tag tag of the scalar */
  constructor(tag: string) {
    this.#fields = encode(tag, 1.25);
    // The encodings of these two numbers differ in all four bytes.
    const other = encode(tag, -3.4e-38);
    this.#valueAt = this.#fields.findIndex((byte, i) => byte !== other[i]);
  }

  /** Write the summary into an event. */
  write(out: ProtobufWriter, value: number): void {
    const start = out.size;
    out.encoded(this.#fields);
    out.float32At(start + this.#valueAt, value);
  }
}

function encode(tag: string, value: number): Uint8Array {
  const out = new ProtobufWriter();
  const tensor = { dtype: "float32", shape: [], values: [value] } as const;
  out.message(5, () => writeSummary(out, { tag, plugin: "scalars", tensor }));
  return out.take().slice();
}
