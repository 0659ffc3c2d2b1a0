/** Thrown when a model cannot be planned. The message is the reason, without a prefix. */
export class PlanError extends Error {}
