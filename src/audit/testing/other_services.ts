/**
 * What services write that the steps do not know, such as one of your own: by its duty, an event made
 * from its schema, and a row in each of its tables with a row an order.
 */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { decode, encode } from "../../events/codec.ts";
import { eventId, type OrderEvent, SCHEMAS } from "../../events/schemas.ts";
import { type EventType, topicOf, writerOf } from "../../topology.ts";
import { DUTIES, type Duty, type Kind, kindOf } from "../duties.ts";
import { type Fixture, type TestRow } from "./fixture.ts";

/** The steps write what these do. */
export const KNOWN = ["validator", "inventory", "payment", "fulfillment"];
export const OTHER_DUTIES = DUTIES.filter(({ service }) => !KNOWN.includes(service));

/** Whether an event is of a service that the steps do not know. */
export function isByAnother(event: OrderEvent | undefined): boolean {
  return event !== undefined && ![...KNOWN, "simulator"].includes(writerOf(event.type));
}

/** What the others do about one order. */
export class OtherServices {
  readonly #met = new Set<Kind>();

  constructor(private readonly fixture: Fixture) {}

  /** @returns what they answer to an event, now that the order has this one, too */
  answersTo(event: OrderEvent): OrderEvent[] {
    this.#met.add(kindOf(event));
    const has = (kind: Kind) => this.#met.has(kind);
    return OTHER_DUTIES.filter(({ asks, taken, answers }) =>
      asks.every(({ kinds }) => kinds.some(has)) && (taken === undefined || has(taken)) &&
      !answers.some(has)
    ).map((duty) => this.#answer(duty, event));
  }

  #answer({ service, answers: [kind] }: Duty, asked: OrderEvent): OrderEvent {
    const { orderId } = asked;
    this.#met.add(kind!);
    for (const { table, ...one } of this.fixture.serviceTables) {
      if (one.service !== service || !one.isByOrder) continue;
      const tables: Record<string, TestRow[]> = this.fixture.tables;
      const rows = tables[table.name] ??= [];
      if (!rows.some((row) => row[table.key] === orderId)) rows.push({ [table.key]: orderId });
    }
    return sampleEvent(kind as EventType, asked);
  }
}

/** An event of a type that answers another, at once; else with whatever values its schema allows. */
function sampleEvent(type: EventType, asked: OrderEvent): OrderEvent {
  const { orderId, occurredAt } = asked;
  const event = {
    ...sampleOf(SCHEMAS[type] as Schema) as object,
    eventId: eventId(orderId, type),
    orderId,
    occurredAt,
    placedAt: "placedAt" in asked ? asked.placedAt : occurredAt,
  } as OrderEvent;
  const key = new TextEncoder().encode(orderId);
  assertEquals(decode(topicOf(type), key, encode(event)), { ok: true, event });
  return event;
}

/** The words of JSON Schema that our schemas use. */
interface Schema {
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly minItems?: number;
  readonly minLength?: number;
  readonly minimum?: number;
  readonly pattern?: string;
}

function sampleOf(schema: Schema): unknown {
  if (schema.const !== undefined) return schema.const;
  if (schema.enum) return schema.enum[0];
  if (schema.anyOf) return sampleOf(schema.anyOf[0]!);
  switch (schema.type) {
    case "object":
      return Object.fromEntries(
        (schema.required ?? []).map((name) => [name, sampleOf(schema.properties![name]!)]),
      );
    case "array":
      return Array.from({ length: schema.minItems ?? 0 }, () => sampleOf(schema.items!));
    case "string":
      return schema.pattern === undefined
        ? "x".repeat(schema.minLength ?? 0)
        : fc.sample(fc.stringMatching(new RegExp(schema.pattern)), { numRuns: 1, seed: 1 })[0];
    case "integer":
    case "number":
      return schema.minimum ?? 0;
    case "boolean":
      return false;
  }
  throw new TypeError(`no sample of ${JSON.stringify(schema)}: write the service's steps yourself`);
}
