import type { PlanCell } from "./types.ts";
import { planGRU } from "./gru.ts";
import { planLSTM } from "./lstm.ts";
import { planSimpleRNN } from "./simple_rnn.ts";

/** Planner and number of gates of each cell, by the `className` of its layer. */
export const cellPlanners: Readonly<Record<string, { gates: number; plan: PlanCell }>> = {
  GRU: { gates: 3, plan: planGRU },
  LSTM: { gates: 4, plan: planLSTM },
  SimpleRNN: { gates: 1, plan: planSimpleRNN },
};
