import { CallbackError, messageOf } from "./errors.ts";

/** The error of a callback that failed in one of its hooks. */
export function hookError(
  callback: string,
  hook: string,
  cause: unknown,
  { epoch, batch }: { epoch?: number; batch?: number },
): CallbackError {
  const where = placeOf(epoch, batch).join(", ");
  return new CallbackError(
    hook === "close" ? "CALLBACK_CLOSE" : "CALLBACK_HOOK",
    `Callback ${callback} failed in ${hook}${where && ` (${where})`}: ${messageOf(cause)}`,
    { callback, hook, epoch, batch, cause },
  );
}

/** One line about the callbacks that were left out for these failures; undefined for none. */
export function summaryOf(failures: readonly CallbackError[]): string | undefined {
  if (failures.length === 0) return undefined;
  const each = failures.map(({ callback, hook, epoch, batch, cause }) => {
    const where = [hook, ...placeOf(epoch, batch)].join(", ");
    // The rest of a long one was told when it happened.
    return `${callback} (${where}: ${messageOf(cause).split("\n", 1)[0]})`;
  });
  const who = failures.length === 1 ? "1 callback was" : `${failures.length} callbacks were`;
  return `${who} left out of this run: ${each.join(", ")}`;
}

function placeOf(epoch: number | undefined, batch: number | undefined): string[] {
  return [
    ...(epoch === undefined ? [] : [`epoch ${epoch}`]),
    ...(batch === undefined ? [] : [`batch ${batch}`]),
  ];
}
