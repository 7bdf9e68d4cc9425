/** The services that a test of all of them tries: each guarantee, with and without larger tables. */
import { encode } from "../../events/codec.ts";
import { eventId, type OrderValidated } from "../../events/schemas.ts";
import type { Database, Table } from "../../database/database.ts";
import type { Handler } from "../../kafka/processor/handler.ts";
import type { Guarantee, ProcessorOptions } from "../../kafka/processor/options.ts";
import type { KeyedRecord } from "../../kafka/producer/publisher.ts";
import { placed, publication, refuse } from "../../kafka/testing/topics.ts";
import type { Processor, Topic } from "../../topology.ts";
import { createInventoryHandlers } from "../inventory/handle.ts";
import { inventoryTables, reservations } from "../inventory/store.ts";
import { processedOrders, recordFirstSources } from "../validator/store.ts";

export interface Kind {
  readonly service: Processor;
  readonly guarantee: Guarantee;
  readonly input: Topic;
  readonly output: Topic;
  readonly tables: readonly Table[];
  readonly work: readonly Table[];
  readonly handlers: (database: Database) => ProcessorOptions["handlers"];
  readonly order: (sequence: number) => KeyedRecord;
}

const refuseOnce = (database: Database): Handler<ReturnType<typeof placed>> => async (batch) => {
  await recordFirstSources(
    database,
    batch.map(({ event, partition, raw }) => ({
      orderId: event.orderId,
      partition,
      offset: raw.offset,
    })),
  );
  return refuse(batch);
};

function validated(sequence: number): OrderValidated {
  const { orderId, occurredAt, currency, items, totalCents } = placed(sequence);
  return {
    type: "OrderValidated",
    version: 1,
    eventId: eventId(orderId, "OrderValidated"),
    orderId,
    occurredAt,
    placedAt: occurredAt,
    status: "PENDING",
    processingMs: 1,
    customer: { customerId: "c-00001", name: "A", country: "DE", tier: "gold" },
    currency,
    items,
    totalCents,
  };
}

export const KINDS: readonly Kind[] = [
  {
    service: "validator",
    guarantee: "exactly_once",
    input: "orders.raw",
    output: "orders.outcomes",
    tables: [processedOrders],
    work: [processedOrders],
    handlers: (database) => ({ "orders.raw": refuseOnce(database) }),
    order: (sequence) => publication(placed(sequence)),
  },
  {
    service: "inventory",
    guarantee: "at_least_once",
    input: "orders.validated",
    output: "inventory.events",
    tables: inventoryTables,
    work: [reservations],
    handlers: (database) => createInventoryHandlers({ database, now: Date.now }),
    order: (sequence) => {
      const event = validated(sequence);
      return { key: event.orderId, value: encode(event) };
    },
  },
];
