import { assertEquals } from "@std/assert";
import type { Service } from "../../topology.ts";
import { add, createAggregate } from "./aggregate.ts";
import { factOf } from "./facts/fact.ts";
import type { Projection } from "./projection.ts";
import { EventRates, OffsetRates } from "./rates.ts";
import { eventsOf, sampleOrders } from "./testing/orders.ts";

Deno.test("EventRates: events a second by writer; nothing while old events are read", () => {
  const aggregate = createAggregate();
  let progress: { passed: number; expected: number } | null = null;
  const reading = {
    source: "log",
    group: "",
    partitions: 0,
    startedAt: "",
    notReady: null,
    undecodableMessages: 0,
  } as const;
  const projection = { aggregate, reading: () => ({ ...reading, progress }) };
  const rates = new EventRates();
  rates.sample(0, projection);
  assertEquals(rates.written("orders.outcomes").map(({ perSecond }) => perSecond), [null, null]);
  // 28 orders: 19 confirmed, 6 cancelled and 3 rejected.
  const events = sampleOrders(28, 0, 10).flatMap(eventsOf);
  for (const event of events) add(aggregate, factOf(event));
  const count = (type: string) => events.filter((event) => event.type === type).length;
  rates.sample(2_000, projection);
  assertEquals(rates.written("orders.outcomes"), [
    { by: "fulfillment", perSecond: (count("OrderConfirmed") + count("OrderCancelled")) / 2 },
    { by: "validator", perSecond: count("OrderRejected") / 2 },
  ]);
  assertEquals(rates.written("inventory.events"), [{
    by: "inventory",
    perSecond: (count("InventoryUpdated") + count("InventoryRejected")) / 2,
  }]);
  progress = { passed: 1, expected: 2 };
  rates.sample(3_000, projection);
  assertEquals(rates.written("inventory.events"), [{ by: "inventory", perSecond: null }]);
});

Deno.test("EventRates: a service with a topic of its own needs no line here", () => {
  const topics = {
    "fraud.events": { events: ["OrderFlagged", "OrderCleared"], writers: ["fraud"] },
  };
  const events = new Map<string, number>();
  const projection = {
    aggregate: { ...createAggregate(), events },
    reading: () => ({ progress: null }) as ReturnType<Projection["reading"]>,
  };
  const rates = new EventRates({ topics, writerOf: () => "fraud" });
  rates.sample(0, projection);
  events.set("OrderFlagged", 6).set("OrderCleared", 4);
  rates.sample(2_000, projection);
  const written: unknown = rates.written("fraud.events");
  assertEquals(written, [{ by: "fraud", perSecond: 5 }]);
});

function group(service: Service, committed: number, end: number) {
  const topic = "orders.validated" as const;
  return { service, positions: [0, 1].map((partition) => ({ topic, partition, committed, end })) };
}

Deno.test("OffsetRates: offsets a second, of all partitions, each topic once", () => {
  const rates = new OffsetRates();
  rates.sample(0, [group("inventory", 0, 10), group("payment", 0, 10)]);
  assertEquals(rates.growthPerSecond("orders.validated"), null, "one sample is nothing to compare");
  rates.sample(2_000, [group("inventory", 10, 30), group("payment", 4, 30)]);
  assertEquals(rates.growthPerSecond("orders.validated"), 20);
  assertEquals(rates.readPerSecond("inventory", "orders.validated"), 10);
  assertEquals(rates.readPerSecond("payment", "orders.validated"), 4);
  assertEquals(rates.readPerSecond("payment", "orders.outcomes"), 0);
  assertEquals(rates.growthPerSecond("orders.raw"), null, "no group reads it");
});

Deno.test("OffsetRates: over the last five seconds; what goes back is 0", () => {
  const rates = new OffsetRates();
  for (let second = 0; second <= 20; second++) {
    const end = second < 10 ? 0 : 100 * (second - 10);
    rates.sample(second * 1_000, [group("inventory", 20 - second, end)]);
  }
  assertEquals(rates.growthPerSecond("orders.validated"), 200);
  assertEquals(rates.readPerSecond("inventory", "orders.validated"), 0);
});
