import * as v from "valibot";
import { maxErrorText, type PlainError, type ThreadMessage, toldNames } from "./protocol.ts";

/**
 * Read a message of a thread. The plugin controls the thread and can send anything, so everything
 * that does not follow the protocol is rejected.
 *
 * @returns undefined for a message that the thread's own code never sends
 */
export function readThreadMessage(sent: unknown): ThreadMessage | undefined {
  const { success, output } = v.safeParse(message, sent);
  return success ? output : undefined;
}

const id = v.pipe(v.number(), v.safeInteger());
const shortText = v.pipe(v.string(), v.maxLength(maxErrorText));

/** Including NaN and the infinities, which valibot does not accept as numbers. */
const log = v.custom<number>((value) => typeof value === "number");

const plainError: v.GenericSchema<unknown, PlainError> = v.object({
  name: shortText,
  message: shortText,
  stack: v.exactOptional(shortText),
  code: v.exactOptional(shortText),
});

const message: v.GenericSchema<unknown, ThreadMessage> = v.variant("kind", [
  v.object({ kind: v.literal("ready") }),
  v.object({ kind: v.literal("pong"), nonce: v.number() }),
  v.object({ kind: v.literal("crash"), error: plainError }),
  v.object({
    kind: v.literal("result"),
    id,
    value: v.exactOptional(v.unknown()),
    logs: v.exactOptional(v.record(v.string(), log)),
    members: v.exactOptional(v.pipe(v.array(shortText), v.maxLength(1000))),
    failed: v.exactOptional(v.picklist(["E_EXPORT", "E_FACTORY", "E_MODULE"])),
    found: v.exactOptional(shortText),
    returned: v.exactOptional(shortText),
    error: v.exactOptional(plainError),
  }),
  v.object({ kind: v.literal("ask"), id, name: shortText, args: v.array(v.unknown()) }),
  v.object({ kind: v.literal("tell"), name: v.picklist(toldNames), args: v.array(v.unknown()) }),
]);
