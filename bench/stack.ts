import {
  type CallbackLike,
  CSVLogger,
  EarlyStopping,
  ModelCheckpoint,
  ProgbarLogger,
  ReduceLROnPlateau,
  TensorBoard,
  TerminateOnNaN,
} from "keepfit";

/** An interactive terminal without output. */
const terminal = { write: () => {}, isInteractive: true, hasColors: true, columns: 100 };

/** Callbacks of a typical training, which write to a disk. */
export function stack(folder: string): { callbacks: CallbackLike[]; verbose: 1 } {
  return {
    verbose: 1,
    callbacks: [
      new EarlyStopping({ monitor: "loss", patience: 99, restoreBestWeights: true }),
      new ReduceLROnPlateau({ monitor: "loss", patience: 99 }),
      new ModelCheckpoint(`${folder}/best`, { monitor: "loss", saveBestOnly: true }),
      new CSVLogger(`${folder}/log.csv`),
      new TensorBoard({ logDir: `${folder}/tensorboard`, updateFreq: "batch" }),
      new TerminateOnNaN(),
      new ProgbarLogger({ terminal }),
    ],
  };
}
