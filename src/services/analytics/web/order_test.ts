import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { encode } from "../../../events/codec.ts";
import type { OrderEvent } from "../../../events/schemas.ts";
import type { Found } from "../../../order_history/find.ts";
import { buildTimeline } from "../../../order_history/timeline.ts";
import { placed } from "../../../kafka/testing/topics.ts";
import { topicOf } from "../../../topology.ts";
import { eventsOf } from "../testing/orders.ts";
import { sayWithoutCustomer, withoutCustomer } from "./order.ts";

function found(events: readonly OrderEvent[]): Found[] {
  return events.map((event, offset) => ({
    topic: topicOf(event.type),
    record: {
      topic: topicOf(event.type),
      partition: 0,
      offset,
      timestamp: Date.parse(event.occurredAt),
      key: new TextEncoder().encode(event.orderId),
      value: encode(event),
      headers: {},
    },
  }));
}

function tell(events: readonly OrderEvent[]) {
  const search = { found: found(events), partition: 0 };
  const timeline = buildTimeline(events[0]!.orderId, search, [], sayWithoutCustomer);
  assert(timeline);
  return withoutCustomer(timeline, search.found);
}

const order = placed(1);
const sample = {
  sequence: 1,
  placedAtMs: Date.parse(order.occurredAt),
  latencyMs: 900,
  totalCents: 100,
  currency: "EUR",
} as const;

Deno.test("withoutCustomer: an order's timeline without who ordered it", () => {
  const timeline = tell([order, ...eventsOf({ ...sample, scenario: "confirmed" })]);
  const json = JSON.stringify(timeline);
  for (const secret of ["c-00001", "A Name", "DE", "standard", "rows"]) {
    assert(!json.includes(secret), `${secret}: ${json}`);
  }
  assertEquals(timeline.steps.map(({ event }) => event), [
    "OrderPlaced",
    "OrderValidated",
    "InventoryUpdated",
    "PaymentProcessed",
    "OrderConfirmed",
  ]);
  assertStringIncludes(timeline.steps[0]!.text, "ordered 1 × p-0001 for 1.00 EUR");
  assertStringIncludes(timeline.conclusion, "confirmed after 0.9 s");
});

Deno.test("withoutCustomer: also where a refusal quotes the customer", () => {
  const [rejected] = eventsOf({ ...sample, scenario: "rejected" });
  const timeline = tell([
    order,
    {
      ...rejected,
      reason: "blocked_customer",
      detail: "customer c-00001 is blocked",
    } as OrderEvent,
  ]);
  assert(!JSON.stringify(timeline).includes("c-00001"));
  assertStringIncludes(timeline.conclusion, "blocked_customer");
});

Deno.test("withoutCustomer: of what is not an event only the reason is shown", () => {
  const [place] = found([order]);
  const value = new TextEncoder().encode(`{"customerId":"c-00009","orderId":"${order.orderId}"`);
  const broken: Found = { ...place!, record: { ...place!.record, offset: 1, value } };
  const search = { found: [place!, broken], partition: 0 };
  const timeline = buildTimeline(order.orderId, search, [], sayWithoutCustomer)!;
  const { steps } = withoutCustomer(timeline, search.found);
  assertEquals(steps[1]?.text, "invalid_json");
});
