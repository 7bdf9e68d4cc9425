/** Examples of events, made from their schemas, so that a new event has one, too. Pure. */
import { Compile } from "typebox/compile";
import type { TSchema } from "typebox";
import { eventId } from "../events/schemas.ts";
import { Failure } from "../runtime/errors.ts";
import type { Json, JsonObject } from "./headers.ts";

const ORDER_ID = "r1-000001";

/** For a field of that name, where its schema allows the value. */
const BY_NAME: JsonObject = {
  orderId: ORDER_ID,
  occurredAt: "2026-01-02T03:04:06.789Z",
  placedAt: "2026-01-02T03:04:05.678Z",
  customerId: "c-00001",
  name: "Ada Example",
  country: "DE",
  currency: "EUR",
  productId: "p-0001",
  quantity: 2,
  unitPriceCents: 250,
  totalCents: 500,
  amountCents: 500,
  paymentId: "ch-1",
  delta: -2,
  remaining: 98,
  processingMs: 0.4,
  detail: "one line for people",
};

/** For a text of an unknown name: one of them fits every pattern of the schemas. */
const TEXTS = ["text", "a-1", "A", "AB", "ABC", "2026-01-02T03:04:05.678Z", "0", "x"];

interface Schema {
  readonly type?: string;
  readonly const?: Json;
  readonly enum?: readonly Json[];
  readonly anyOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
}

/** A message of an order, of headers and payload. @throws {Failure} the schema allows none of what is tried */
export function exampleOf(schema: TSchema): JsonObject {
  const event = valueOf("", schema as Schema) as { type: string };
  const example = { ...event, eventId: eventId(ORDER_ID, event.type) };
  if (Compile(schema).Check(example)) return example;
  throw new Failure(
    `no example of ${event.type} can be made from its schema: src/contract/examples.ts has the values`,
  );
}

function valueOf(name: string, schema: Schema): Json {
  const isAllowed = (value: Json | undefined): value is Json =>
    value !== undefined && Compile(schema as TSchema).Check(value);
  const first = [BY_NAME[name], schema.const, schema.enum?.[0]].find(isAllowed);
  if (first !== undefined) return first;
  if (schema.anyOf) return valueOf(name, schema.anyOf[0]!);
  const { type, properties = {}, items, minItems = 1, maxItems = 1 } = schema;
  if (type === "object") {
    return Object.fromEntries(
      Object.entries(properties).map(([name, of]) => [name, valueOf(name, of)]),
    );
  }
  if (type === "array") {
    const length = Math.max(minItems, Math.min(1, maxItems));
    return Array.from({ length }, () => items ? valueOf("", items) : null);
  }
  const { minLength = 0, minimum = 0, maximum = 0 } = schema;
  return [...TEXTS, "x".repeat(minLength), minimum, maximum, true, null].find(isAllowed) ?? null;
}
