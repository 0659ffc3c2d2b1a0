import { SummaryWriter } from "keepfit/tensorboard";
import type { PluginContext } from "keepfit/plugins";
import { contextFiles } from "./context_files.ts";
import { accuracyOf, countOf } from "./count.ts";
import { drawMatrix } from "./draw_matrix.ts";

/** Options, as declared in the manifest. */
interface Options {
  labels: string[];
  tag: string;
  everyEpochs: number;
}

/**
 * Draw the confusion matrix of a classifier for TensorBoard after every n-th epoch. Rows are true
 * classes, columns are predictions.
 */
export default function confusionMatrix(options: Options, context: PluginContext): object {
  const { labels, tag, everyEpochs } = options;
  let writer: SummaryWriter | undefined;

  return {
    async onEpochEnd(epoch: number, logs: Record<string, number>): Promise<void> {
      if ((epoch + 1) % everyEpochs !== 0) return;
      const counts = countOf(await context.evaluate!(), labels.length);
      logs.confusion_accuracy = accuracyOf(counts);
      writer ??= new SummaryWriter(".", { fs: contextFiles(context) });
      writer.image(tag, drawMatrix(counts, labels), epoch);
      await writer.flush();
    },
    async close(): Promise<void> {
      await writer?.close();
    },
  };
}
