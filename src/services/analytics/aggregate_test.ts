import { assertEquals } from "@std/assert";
import fc from "fast-check";
import type { OrderEvent } from "../../events/schemas.ts";
import type { Snapshot } from "./snapshot.ts";
import {
  eventsOf,
  figuresOf,
  NOON_MS,
  order,
  type SampleOrder,
  SCENARIOS,
} from "./testing/orders.ts";

const MINUTE_MS = 60_000;

/** All figures except the one that depends on the order of arrival. */
function timeless(snapshot: Snapshot) {
  return { ...snapshot, lateEvents: undefined };
}

const sampleOrder: fc.Arbitrary<SampleOrder> = fc.record({
  sequence: fc.nat(999_999),
  // Half an hour: three times the window of the rates.
  placedAtMs: fc.integer({ min: NOON_MS, max: NOON_MS + 30 * MINUTE_MS }),
  latencyMs: fc.oneof(fc.integer({ min: 0, max: 3_000 }), fc.integer({ min: 0, max: 900_000 })),
  totalCents: fc.oneof(fc.integer({ min: 0, max: 100_000 }), fc.constant(10 ** 13)),
  currency: fc.constantFrom("EUR", "USD"),
  scenario: fc.constantFrom(...SCENARIOS),
});

const orders = fc.array(sampleOrder, { minLength: 1, maxLength: 40 });

/** Orders, and their events in any order whatever. */
const shuffled = orders.chain((orders) => {
  const events = orders.flatMap(eventsOf);
  return fc.record({
    orders: fc.constant(orders),
    arrived: fc.shuffledSubarray(events, { minLength: events.length }),
  });
});

Deno.test("add: the order of arrival changes no figure", () => {
  fc.assert(
    fc.property(shuffled, ({ orders, arrived }) => {
      assertEquals(timeless(figuresOf(arrived)), timeless(figuresOf(orders.flatMap(eventsOf))));
    }),
  );
});

Deno.test("add: totals, by outcome and reason, are those of the orders", () => {
  fc.assert(
    fc.property(shuffled, ({ orders, arrived }) => {
      const figures = figuresOf(arrived);
      const count = (...scenarios: SampleOrder["scenario"][]) =>
        orders.filter(({ scenario }) => scenarios.includes(scenario)).length;
      const some = (counts: Record<string, number>) =>
        Object.fromEntries(Object.entries(counts).filter(([, n]) => n > 0));
      assertEquals(figures.orders, {
        placed: orders.length,
        validated: orders.length - count("rejected"),
        confirmed: count("confirmed"),
        cancelled: count("out_of_stock", "card_declined"),
        rejected: count("rejected"),
        settled: orders.length,
        open: 0,
      });
      assertEquals(
        figures.cancelledByReason,
        some({ out_of_stock: count("out_of_stock"), card_declined: count("card_declined") }),
      );
      assertEquals(figures.rejectedByReason, some({ unknown_customer: count("rejected") }));
      assertEquals(figures.stock, {
        reserved: count("confirmed", "card_declined"),
        refused: count("out_of_stock"),
        released: count("card_declined"),
      });
      assertEquals(figures.payments, {
        processed: count("confirmed", "out_of_stock"),
        failed: count("card_declined"),
        refunded: count("out_of_stock"),
      });
    }),
  );
});

Deno.test("add: money in total is that of the orders, by currency", () => {
  fc.assert(
    fc.property(shuffled, ({ orders, arrived }) => {
      const cents = (of: readonly SampleOrder[]) =>
        of.reduce((sum, { totalCents }) => sum + totalCents, 0);
      const expected: Snapshot["money"] = Object.fromEntries(
        Object.entries(Object.groupBy(orders, ({ currency }) => currency))
          .map(([currency, group = []]) =>
            [currency, {
              orderedCents: cents(group.filter(({ scenario }) => scenario !== "rejected")),
              confirmedCents: cents(group.filter(({ scenario }) => scenario === "confirmed")),
            }] as const
          )
          // A currency is learned from an order that was not rejected.
          .filter(([currency]) =>
            orders.some((order) => order.currency === currency && order.scenario !== "rejected")
          ),
      );
      assertEquals(figuresOf(arrived).money, expected);
    }),
  );
});

Deno.test("add: each second and minute counts what its times say", () => {
  fc.assert(
    fc.property(shuffled, ({ orders, arrived }) => {
      const { perSecond, perMinute } = figuresOf(arrived);
      const good = orders.filter(({ scenario }) => scenario !== "rejected");
      const validatedAtMs = ({ placedAtMs, latencyMs }: SampleOrder) =>
        placedAtMs + Math.floor(latencyMs / 2);
      const outcomeAtMs = ({ placedAtMs, latencyMs }: SampleOrder) => placedAtMs + latencyMs;
      const within = (ms: number, fromMs: number, widthMs: number) =>
        ms >= fromMs && ms < fromMs + widthMs;
      for (let i = 0; i < perSecond.placed.length; i++) {
        const fromMs = perSecond.startsAtMs + i * perSecond.windowMs;
        const count = (of: readonly SampleOrder[], atMs: (order: SampleOrder) => number) =>
          of.filter((order) => within(atMs(order), fromMs, perSecond.windowMs)).length;
        assertEquals([perSecond.placed[i], perSecond.validated[i], perSecond.settled[i]], [
          count(orders, ({ placedAtMs }) => placedAtMs),
          count(good, validatedAtMs),
          count(orders, outcomeAtMs),
        ]);
      }
      for (const [currency, columns] of Object.entries(perMinute.currencies)) {
        for (let i = 0; i < columns.orderedCents.length; i++) {
          const fromMs = perMinute.startsAtMs + i * perMinute.windowMs;
          const cents = (of: readonly SampleOrder[], atMs: (order: SampleOrder) => number) =>
            of.filter((order) =>
              order.currency === currency && within(atMs(order), fromMs, perMinute.windowMs)
            ).reduce((sum, { totalCents }) => sum + totalCents, 0);
          assertEquals(columns.orderedCents[i], cents(good, ({ placedAtMs }) => placedAtMs));
          assertEquals(
            columns.confirmedCents[i],
            cents(good.filter(({ scenario }) => scenario === "confirmed"), outcomeAtMs),
          );
        }
      }
    }),
  );
});

Deno.test("add: an event late by more than the window is in the totals, and counted as late", () => {
  const now = order({ sequence: 1, placedAtMs: NOON_MS });
  const late = order({ sequence: 2, placedAtMs: NOON_MS - 11 * MINUTE_MS });
  const lateness = (orders: readonly SampleOrder[]) => {
    const { orders: { settled }, lateEvents, perSecond } = figuresOf(orders.flatMap(eventsOf));
    return { settled, lateEvents, inWindow: perSecond.settled.reduce((a, b) => a + b) };
  };
  assertEquals(lateness([now, late]), { settled: 2, lateEvents: 4, inWindow: 1 });
  assertEquals(lateness([late, now]), { settled: 2, lateEvents: 0, inWindow: 1 });
});

Deno.test("add: the window's oldest second is not late, the one before is", () => {
  const table = [{ beforeMs: 599_999, late: 0 }, { beforeMs: 600_000, late: 4 }];
  for (const { beforeMs, late } of table) {
    const newest = order({ placedAtMs: NOON_MS + 999, latencyMs: 0 });
    const older = order({ sequence: 2, placedAtMs: NOON_MS + 999 - beforeMs, latencyMs: 0 });
    assertEquals(figuresOf([newest, older].flatMap(eventsOf)).lateEvents, late, `${beforeMs} ms`);
  }
});

Deno.test("add: an order placed after its own outcome, or at no time at all, takes 0 ms", () => {
  for (const placedAt of ["2026-01-02T12:00:00.001Z", "2026-99-99T99:99:99.999Z"]) {
    const events = eventsOf(order({ scenario: "rejected", latencyMs: 0 }))
      .map((event) => ({ ...event, placedAt } as OrderEvent));
    const { latency, clockSkewEvents, perSecond } = figuresOf(events);
    assertEquals(latency.rejected, { orders: 1, p50Ms: 0, p95Ms: 0, p99Ms: 0, maxMs: 0 });
    assertEquals(clockSkewEvents, 1);
    assertEquals(perSecond.placed, [1], "counted as placed when it happened");
    assertEquals(perSecond.startsAtMs, NOON_MS);
  }
});

Deno.test("add: an event at the very time of its order is no clock skew", () => {
  const { clockSkewEvents, latency } = figuresOf(eventsOf(order({ latencyMs: 0 })));
  assertEquals([clockSkewEvents, latency.confirmed.maxMs], [0, 0]);
});

Deno.test("add: an event of no time is in the totals and in no window", () => {
  const events = eventsOf(order({ scenario: "rejected" }))
    .map((event) => ({ ...event, occurredAt: "2026-99-99T99:99:99.999Z" } as OrderEvent));
  const { orders, newestEventAt, perSecond, clockSkewEvents } = figuresOf(events);
  assertEquals([orders.rejected, newestEventAt, clockSkewEvents], [1, null, 1]);
  assertEquals(perSecond.settled, []);
});

Deno.test("add: OrderPlaced, which analytics does not read, changes nothing", () => {
  const placed: OrderEvent = {
    type: "OrderPlaced",
    version: 1,
    eventId: "r1-000001/OrderPlaced",
    orderId: "r1-000001",
    occurredAt: "2026-01-02T12:00:00.000Z",
    customerId: "c-00001",
    currency: "EUR",
    items: [],
    totalCents: 0,
  };
  assertEquals(figuresOf([placed]), figuresOf([]));
});

Deno.test("add: money stops at 2⁵³ − 1 cents, whatever came first", () => {
  const huge = order({ sequence: 1, totalCents: Number.MAX_SAFE_INTEGER });
  const small = order({ sequence: 2, totalCents: 7 });
  for (const pair of [[huge, small], [small, huge]]) {
    assertEquals(figuresOf(pair.flatMap(eventsOf)).money, {
      EUR: {
        orderedCents: Number.MAX_SAFE_INTEGER,
        confirmedCents: Number.MAX_SAFE_INTEGER,
      },
    });
  }
});
