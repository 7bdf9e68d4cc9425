import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { Fact } from "../facts/fact.ts";
import { factsOf, NOON_MS, order, SCENARIOS } from "../testing/orders.ts";
import { OpenOrders } from "./open_orders.ts";

const LATER = NOON_MS + 86_400_000;

const fact = (type: Fact["type"], orderId: string, placedAtMs: number): Fact => ({
  ...{ type, orderId, placedAtMs, occurredAtMs: placedAtMs },
  ...{ currency: "", totalCents: 0, reason: "", action: "" },
});
const validated = (id: string, atMs: number) => fact("OrderValidated", id, atMs);
const confirmed = (id: string, atMs: number) => fact("OrderConfirmed", id, atMs);

/** What is open after these events, in this order. */
function openAfter(facts: readonly Fact[], limits?: { ids: number; windows: number }) {
  const orders = limits ? new OpenOrders(limits) : new OpenOrders();
  for (const one of facts) orders.add(one);
  return orders;
}

Deno.test("OpenOrders: an order is open from its validation to its outcome, whatever that is", () => {
  for (const scenario of SCENARIOS) {
    const facts = factsOf(order({ scenario }));
    const isOpen = facts[0]!.type === "OrderValidated" ? 1 : 0;
    assertEquals(openAfter(facts).overdue(LATER, 0).count, 0, scenario);
    const begun = openAfter(facts.filter(({ type }) => !/Confirmed|Cancelled/.test(type)));
    assertEquals(begun.overdue(LATER, 0).count, isOpen, scenario);
  }
});

Deno.test("OpenOrders: only those placed before the moment count, the oldest are named first", () => {
  const orders = openAfter(
    [5, 3, 9, 1, 7, 2, 8].map((n) => validated(`o-${n}`, NOON_MS + n * 1_000)),
  );
  const { count, oldestMs, first, withoutId } = orders.overdue(NOON_MS + 9_000, 0);
  assertEquals([count, oldestMs, withoutId], [6, NOON_MS + 1_000, 0]);
  assertEquals(first.map(({ orderId }) => orderId), ["o-1", "o-2", "o-3", "o-5", "o-7"]);
  assertEquals(orders.overdue(NOON_MS + 1_000, 0), {
    ...{ count: 0, oldestMs: null, first: [], withoutId: 0 },
  });
});

Deno.test("OpenOrders: what was placed before the log is whole, and what needs no outcome, is left out", () => {
  const orders = openAfter([1, 2, 3].map((n) => validated(`o-${n}`, NOON_MS + n * 1_000)));
  assertEquals(orders.overdue(LATER, NOON_MS + 2_000).count, 2);
  assertEquals(orders.overdue(LATER, 0, (id) => id === "o-1").count, 2);
});

/** Orders of some minutes, most with their outcome, their events in any order. */
const facts = fc.array(
  fc.record({ second: fc.nat(300), ms: fc.nat(999), settled: fc.integer({ min: 0, max: 9 }) }),
  { maxLength: 80 },
).chain((list) => {
  const all = list.flatMap(({ second, ms, settled }, n) => {
    const atMs = NOON_MS + second * 1_000 + ms;
    const id = `o-${n}`;
    return settled > 0 ? [validated(id, atMs), confirmed(id, atMs)] : [validated(id, atMs)];
  });
  return fc.shuffledSubarray(all, { minLength: all.length });
});

/** The truth: ids without an outcome. */
function openIn(facts: readonly Fact[]): Fact[] {
  const settled = new Set(
    facts.filter(({ type }) => type === "OrderConfirmed").map(({ orderId }) => orderId),
  );
  return facts.filter(({ type, orderId }) => type === "OrderValidated" && !settled.has(orderId));
}

Deno.test("OpenOrders: whatever is read first, and however little is kept, the count is right", () => {
  fc.assert(
    fc.property(facts, fc.constantFrom(3, 10, 1_000), (facts, limit) => {
      const open = openIn(facts);
      const orders = openAfter(facts, { ids: limit, windows: limit });
      const check = (what: string) => {
        const { count, first, withoutId, oldestMs } = orders.overdue(LATER, 0);
        assertEquals(count, open.length, what);
        assert(withoutId <= count);
        const ids = new Set(open.map(({ orderId }) => orderId));
        for (const { orderId } of first) assert(ids.has(orderId), `${orderId} is not open`);
        if (limit === 1_000) assertEquals(withoutId, 0);
        if (count === 0 || withoutId > 0) return;
        assertEquals(oldestMs, Math.min(...open.map(({ placedAtMs }) => placedAtMs)), what);
      };
      check("before");
      orders.refine();
      check("refined");
      // So many, because some faults take three steps in one order.
    }),
    { numRuns: 20_000 },
  );
});
