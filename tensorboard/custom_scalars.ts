import { ProtobufWriter } from "./protobuf.ts";
import type { Summary } from "./summary.ts";

/** Layout of the custom scalars tab. */
export interface CustomScalarsLayout {
  /** Categories, from top to bottom. */
  categories: readonly CustomScalarsCategory[];
}

/** Charts under one heading. */
export interface CustomScalarsCategory {
  /** Heading. */
  title: string;
  /** Charts, from left to right. */
  charts: readonly CustomScalarsChart[];
  /** Whether the category is initially collapsed. Default: false. */
  closed?: boolean;
}

/** A chart of several scalars, or of scalars with a margin around them. */
export type CustomScalarsChart =
  | {
    title: string;
    /** Regular expressions; each scalar whose tag matches one of them becomes a line. */
    tags: readonly string[];
  }
  | {
    title: string;
    /** Tags of the line and of the lower and upper bound of its margin. */
    margins: readonly { value: string; lower: string; upper: string }[];
  };

/**
 * The layout as TensorBoard stores it.
 *
 * Source: `tensorboard/plugins/custom_scalar/layout.proto`.
 */
export function customScalarsSummary(layout: CustomScalarsLayout): Summary {
  const out = new ProtobufWriter();
  for (const category of layout.categories) {
    out.message(2, () => writeCategory(out, category));
  }
  return {
    tag: "custom_scalars__config__",
    plugin: "custom_scalars",
    tensor: { dtype: "string", shape: [], values: [out.take()] },
  };
}

function writeCategory(
  out: ProtobufWriter,
  { title, charts, closed }: CustomScalarsCategory,
): void {
  out.text(1, title);
  for (const chart of charts) {
    out.message(2, () => {
      out.text(1, chart.title);
      if ("tags" in chart) {
        out.message(2, () => {
          for (const tag of chart.tags) out.text(1, tag);
        });
      } else {
        out.message(3, () => {
          for (const { value, lower, upper } of chart.margins) {
            out.message(1, () => {
              out.text(1, value);
              out.text(2, lower);
              out.text(3, upper);
            });
          }
        });
      }
    });
  }
  if (closed) out.varint(3, 1);
}
