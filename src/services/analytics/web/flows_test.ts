import { assertEquals } from "@std/assert";
import { add, createAggregate } from "../aggregate.ts";
import { eventsOf, sampleOrders } from "../testing/orders.ts";
import { Flows } from "./flows.ts";

Deno.test("Flows: events a second by writer; nothing while old events are read", () => {
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
  const counting = { aggregate, reading: () => ({ ...reading, progress }) };
  const flows = new Flows();
  flows.note(0, counting);
  assertEquals(flows.written("orders.outcomes").map(({ perSecond }) => perSecond), [null, null]);
  // 28 orders: 19 confirmed, 6 cancelled and 3 rejected.
  const events = sampleOrders(28, 0, 10).flatMap(eventsOf);
  for (const event of events) add(aggregate, event);
  const count = (type: string) => events.filter((event) => event.type === type).length;
  flows.note(2_000, counting);
  assertEquals(flows.written("orders.outcomes"), [
    { by: "fulfillment", perSecond: (count("OrderConfirmed") + count("OrderCancelled")) / 2 },
    { by: "validator", perSecond: count("OrderRejected") / 2 },
  ]);
  assertEquals(flows.written("inventory.events"), [{
    by: "inventory",
    perSecond: (count("InventoryUpdated") + count("InventoryRejected")) / 2,
  }]);
  progress = { passed: 1, expected: 2 };
  flows.note(3_000, counting);
  assertEquals(flows.written("inventory.events"), [{ by: "inventory", perSecond: null }]);
});
