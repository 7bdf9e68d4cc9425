import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { decide, evolve, type HalfEvent, type Join } from "./join.ts";

const common = {
  version: 1 as const,
  eventId: "e",
  orderId: "r1-000001",
  occurredAt: "2026-01-02T03:04:06.000Z",
  placedAt: "2026-01-02T03:04:05.000Z",
};
const money = { paymentId: "pay-1", amountCents: 500, currency: "EUR" };

const reserved: HalfEvent = {
  type: "InventoryUpdated",
  ...common,
  action: "reserved",
  changes: [{ productId: "p-0001", delta: -2, remaining: 7 }],
};
const released: HalfEvent = { ...reserved, action: "released" };
const outOfStock: HalfEvent = {
  type: "InventoryRejected",
  ...common,
  reason: "out_of_stock",
  detail: "p-0001: 2 wanted, 1 left",
};
const processed: HalfEvent = { type: "PaymentProcessed", ...common, ...money };
const declined: HalfEvent = {
  type: "PaymentFailed",
  ...common,
  ...money,
  reason: "card_declined",
  detail: "the bank said no",
};
const refunded: HalfEvent = { type: "PaymentRefunded", ...common, ...money };

function joined(events: readonly HalfEvent[]): Join {
  return events.reduce((join, event) => evolve(join, event) ?? join, {});
}

const now = "2026-01-02T03:04:07.000Z";
const order = { orderId: common.orderId, placedAt: common.placedAt };

const cases: [string, HalfEvent[], string | undefined, string | undefined][] = [
  ["nothing yet", [], undefined, undefined],
  ["only the stock", [reserved], undefined, undefined],
  ["only the payment", [processed], undefined, undefined],
  ["only a refusal", [outOfStock], undefined, undefined],
  ["both agreed", [reserved, processed], "OrderConfirmed", undefined],
  ["no stock", [outOfStock, processed], "OrderCancelled", "out_of_stock"],
  ["no payment", [reserved, declined], "OrderCancelled", "card_declined"],
  ["neither", [outOfStock, declined], "OrderCancelled", "out_of_stock"],
];

for (const [what, events, type, reason] of cases) {
  Deno.test(`decide: ${what} → ${reason ?? type ?? "no outcome"}, in either order`, () => {
    for (const sequence of [events, events.toReversed()]) {
      const outcome = decide(joined(sequence), order, now);
      assertEquals<string | undefined>(outcome?.type, type);
      if (outcome?.type === "OrderCancelled") {
        assertEquals<string | undefined>(outcome.reason, reason);
      }
      if (outcome) {
        assertEquals(outcome.totalCents, money.amountCents);
        assertEquals(outcome.occurredAt, now);
        assertEquals(outcome.placedAt, common.placedAt);
      }
    }
  });
}

Deno.test("evolve: a release and a refund change nothing", () => {
  assertEquals(evolve({}, released), undefined);
  assertEquals(evolve({}, refunded), undefined);
});

Deno.test("evolve: any order and any repetition of the same halves leads to the same outcome", () => {
  const halves = fc.tuple(
    fc.constantFrom<HalfEvent>(reserved, outOfStock),
    fc.constantFrom<HalfEvent>(processed, declined),
  );
  fc.assert(fc.property(
    halves.chain((pair) =>
      fc.tuple(
        fc.constant(pair),
        fc.array(fc.constantFrom<HalfEvent>(...pair, released, refunded), { maxLength: 8 }),
      )
    ),
    ([pair, noise]) => {
      const expected = decide(joined(pair), order, now);
      assert(expected);
      assertEquals(decide(joined([...noise, ...pair, ...noise]), order, now), expected);
    },
  ));
});
