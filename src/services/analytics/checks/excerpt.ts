/**
 * What is shown of a message that may hold a customer's data: the fields that are ids, kinds and amounts by
 * the events' schemas, each only where its value is what a schema allows. So neither a name in a field that
 * is shown nor a field that nobody has decided about gets through.
 */
import Type, { type TSchema } from "typebox";
import { Compile } from "typebox/compile";
import { type EventType } from "../../../topology.ts";
import { SCHEMAS } from "../../../events/schemas.ts";
import * as reasons from "../../../events/reasons.ts";

const Id = Type.String({ pattern: "^[A-Za-z0-9_.-]{1,64}$" });
const Time = Type.String({ pattern: "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,12}Z$" });
const oneOf = (words: readonly string[]) => Type.Enum([...words]);

/** Fields that say nothing of a customer, and what their values may be. */
export const SHOWN: Readonly<Record<string, TSchema>> = {
  type: oneOf(Object.keys(SCHEMAS) as EventType[]),
  version: Type.Integer(),
  orderId: Id,
  occurredAt: Time,
  placedAt: Time,
  totalCents: Type.Number(),
  amountCents: Type.Number(),
  currency: Type.String({ pattern: "^[A-Z]{3}$" }),
  status: Type.Literal("PENDING"),
  action: oneOf(["reserved", "released"]),
  reason: oneOf([...reasons.REJECTION_REASONS, ...reasons.CANCELLATION_REASONS]),
};

/** Fields that are a customer's, that are free text, or that only repeat what is shown. */
export const WITHHELD = [
  "customer",
  "customerId",
  "detail",
  "eventId",
  "paymentId",
  "items",
  "changes",
  "processingMs",
] as const;

const validators = Object.entries(SHOWN).map(([name, schema]) => [name, Compile(schema)] as const);
const utf8 = new TextDecoder("utf-8", { fatal: true });
/** Larger than any event: not worth reading. */
const MAX_BYTES = 64 * 1024;

/** @returns the fields in the order of SHOWN; none of what is no JSON object */
export function excerptOf(value: Uint8Array | null): Record<string, string | number> {
  const object = objectIn(value);
  if (object === undefined) return {};
  return Object.fromEntries(
    validators.flatMap(([name, validator]) => {
      const found = Object.hasOwn(object, name) ? object[name] : undefined;
      return validator.Check(found) ? [[name, found as string | number]] : [];
    }),
  );
}

function objectIn(value: Uint8Array | null): Record<string, unknown> | undefined {
  if (value === null || value.length > MAX_BYTES) return undefined;
  try {
    const parsed = JSON.parse(utf8.decode(value));
    return typeof parsed === "object" && parsed !== null && !Array.isArray(parsed)
      ? parsed
      : undefined;
  } catch {
    return undefined;
  }
}
