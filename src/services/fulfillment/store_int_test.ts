import { assert, assertEquals, assertRejects } from "@std/assert";
import { decode, encode } from "../../events/codec.ts";
import { type Database } from "../../database/database.ts";
import { RetryableError } from "../../runtime/errors.ts";
import { eachStore } from "../../database/testing/stores.ts";
import type { HalfEvent } from "./join.ts";
import { type Half, joinHalves as outcomesOf, joins } from "./store.ts";

/** What was completed. */
const joinHalves = async (...call: Parameters<typeof outcomesOf>) =>
  (await outcomesOf(...call)).filter((outcome) => outcome !== undefined);

const PLACED = "2026-01-01T10:00:00.000Z";
const FIRST = "2026-01-01T10:00:01.000Z";
const LATER = "2026-01-01T10:00:09.000Z";

const common = (orderId: string) => ({
  version: 1 as const,
  eventId: `${orderId}/any`,
  orderId,
  occurredAt: PLACED,
  placedAt: PLACED,
});
const money = { paymentId: "pay-1", amountCents: 500, currency: "EUR" };
const changes = [{ productId: "p", delta: -1, remaining: 0 }];

const halfOf = (topic: "inventory.events" | "payment.events", event: HalfEvent, offset: number) =>
  ({ topic, event, offset }) satisfies Half;
const inventory = (event: HalfEvent, offset: number) => halfOf("inventory.events", event, offset);
const payment = (event: HalfEvent, offset: number) => halfOf("payment.events", event, offset);

const reserved = (orderId: string, offset: number) =>
  inventory({ type: "InventoryUpdated", ...common(orderId), action: "reserved", changes }, offset);
const released = (orderId: string, offset: number) =>
  inventory({ type: "InventoryUpdated", ...common(orderId), action: "released", changes }, offset);
const outOfStock = (orderId: string, offset: number) => {
  const refusal = { reason: "out_of_stock", detail: "p: 1 wanted, 0 left" } as const;
  return inventory({ type: "InventoryRejected", ...common(orderId), ...refusal }, offset);
};
const paid = (orderId: string, offset: number) =>
  payment({ type: "PaymentProcessed", ...common(orderId), ...money }, offset);
const declined = (orderId: string, offset: number) => {
  const refusal = { reason: "card_declined", detail: "the bank said no" } as const;
  return payment({ type: "PaymentFailed", ...common(orderId), ...money, ...refusal }, offset);
};
const refunded = (orderId: string, offset: number) =>
  payment({ type: "PaymentRefunded", ...common(orderId), ...money }, offset);

const ids = (prefix: string, n: number) => Array.from({ length: n }, (_, i) => `${prefix}${i}`);
const orderIds = (events: readonly { orderId: string }[]) => events.map((event) => event.orderId);

const confirmed = (orderId: string, occurredAt: string) => ({
  type: "OrderConfirmed" as const,
  eventId: `${orderId}/OrderConfirmed`,
  version: 1 as const,
  orderId,
  placedAt: PLACED,
  occurredAt,
  totalCents: money.amountCents,
  currency: money.currency,
});
const cancelled = (
  orderId: string,
  occurredAt: string,
  reason: "out_of_stock" | "card_declined",
  detail: string,
) => ({
  ...confirmed(orderId, occurredAt),
  type: "OrderCancelled" as const,
  eventId: `${orderId}/OrderCancelled`,
  reason,
  detail,
});

const stockRefusal = ["out_of_stock", "p: 1 wanted, 0 left"] as const;
const paymentRefusal = ["card_declined", "the bank said no"] as const;
const pairs = [
  { stock: reserved, money: paid, outcome: confirmed("o1", FIRST) },
  { stock: outOfStock, money: paid, outcome: cancelled("o1", FIRST, ...stockRefusal) },
  { stock: reserved, money: declined, outcome: cancelled("o1", FIRST, ...paymentRefusal) },
  { stock: outOfStock, money: declined, outcome: cancelled("o1", FIRST, ...stockRefusal) },
];
// The offsets are equal: only the topic tells the two messages apart.
const sequences = pairs.flatMap(({ stock, money, outcome }) => {
  const halves = [stock("o1", 7), money("o1", 7)] as const;
  return [
    { first: halves[0], second: halves[1], outcome },
    { first: halves[1], second: halves[0], outcome },
  ];
});

for (const { first, second, outcome } of sequences) {
  eachStore(
    `joinHalves: ${first.event.type}, ${second.event.type} → one ${outcome.type}, the same again`,
    async ({ open }) => {
      const db = await open("fulfillment", [joins]);
      assertEquals(await joinHalves(db, [first], PLACED), []);
      assertEquals(await joinHalves(db, [first], PLACED), [], "the first half delivered again");
      const decided = await joinHalves(db, [second], FIRST);
      assertEquals(decided, [outcome]);
      const key = new TextEncoder().encode(outcome.orderId);
      assertEquals(decode("orders.outcomes", key, encode(outcome)), { ok: true, event: outcome });
      for (let delivery = 0; delivery < 2; delivery++) {
        // To the letter: what an aborted transaction had published is published again.
        const again = await joinHalves(db, [second], LATER);
        assertEquals(JSON.stringify(again), JSON.stringify(decided));
        assertEquals(await joinHalves(db, [first], LATER), [], "the other half");
      }
      assertEquals(await db.count(joins), 1);
    },
  );
}

eachStore("joinHalves: a copy of an event at another offset joins nothing", async ({ open }) => {
  const db = await open("fulfillment", [joins]);
  assertEquals(await joinHalves(db, [reserved("o1", 1), reserved("o1", 2)], FIRST), []);
  assertEquals(await joinHalves(db, [reserved("o1", 3)], FIRST), []);
  const batch = [paid("o1", 4), paid("o1", 5)];
  assertEquals(await joinHalves(db, batch, FIRST), [confirmed("o1", FIRST)]);
  assertEquals(await joinHalves(db, [paid("o1", 5), paid("o1", 6)], LATER), []);
  assertEquals(await joinHalves(db, [reserved("o1", 4)], LATER), []);
  // What contradicts the decision comes too late for it.
  assertEquals(await joinHalves(db, [declined("o1", 8)], LATER), []);
  assertEquals(await joinHalves(db, [outOfStock("o1", 9)], LATER), []);
  assertEquals(await joinHalves(db, batch, LATER), [confirmed("o1", FIRST)]);
});

eachStore(
  "joinHalves: no halves, releases and refunds: no outcome, no row",
  async ({ open }) => {
    const db = await open("fulfillment", [joins]);
    assertEquals(await joinHalves(db, [], FIRST), []);
    assertEquals(await joinHalves(db, [released("o1", 1), refunded("o1", 1)], FIRST), []);
    assertEquals(await db.count(joins), 0);
    // Neither do they stand for the half whose topic they share.
    assertEquals(await joinHalves(db, [paid("o1", 2)], FIRST), []);
    assertEquals(await joinHalves(db, [released("o1", 3), reserved("o2", 4)], FIRST), []);
    assertEquals(await joinHalves(db, [reserved("o1", 5)], LATER), [confirmed("o1", LATER)]);
    assertEquals(await joinHalves(db, [refunded("o2", 6)], LATER), []);
    assertEquals(await joinHalves(db, [released("o1", 5)], LATER), []);
  },
);

eachStore(
  "joinHalves: a batch of many orders gives the outcomes that it completes, in its order",
  async ({ open }) => {
    const db = await open("fulfillment", [joins]);
    const orders = ids("o", 300);
    const stock = orders.filter((_, i) => i % 3 !== 0).map((id, i) => reserved(id, i));
    assertEquals(await joinHalves(db, stock, FIRST), []);
    const batch = orders.toReversed().map((id, i) => paid(id, i));
    const complete = new Set(stock.map(({ event }) => event.orderId));
    const expected = batch.map(({ event }) => event.orderId).filter((id) => complete.has(id));
    const outcomes = await joinHalves(db, batch, LATER);
    assertEquals(outcomes, expected.map((id) => confirmed(id, LATER)));
    // Delivered again in other batches, with further messages: the same for the same messages.
    const again = await joinHalves(db, [...batch.slice(100), paid("new", 999)], PLACED);
    const late = new Set(batch.slice(100).map(({ event }) => event.orderId));
    assertEquals(again, outcomes.filter(({ orderId }) => late.has(orderId)));
    const rest = orders.filter((id) => !complete.has(id));
    const last = await joinHalves(db, rest.map((id, i) => reserved(id, 1_000 + i)), LATER);
    assertEquals(orderIds(last), rest);
  },
);

eachStore("joinHalves: a row with the whole outcome, as it was stored first", async ({ open }) => {
  const db = await open("fulfillment", [joins]);
  await joinHalves(db, [outOfStock("o1", 1)], FIRST);
  const [outcome] = await joinHalves(db, [paid("o1", 2)], FIRST);
  const store = (outcome: unknown) =>
    db.transaction(async (tx) => {
      const [row] = await tx.select(joins, ["o1"]);
      await tx.upsert(joins, [{ ...row!, outcome: JSON.stringify(outcome) }]);
    });
  await store(outcome);
  assertEquals(await joinHalves(db, [paid("o1", 2)], LATER), [outcome]);
  await store(confirmed("o1", FIRST));
  await assertRejects(() => joinHalves(db, [paid("o1", 2)], LATER), RetryableError, "outcome");
});

/** The same tables, but every transaction fails in the end, after all of its steps. */
const failing = (database: Database): Database => ({
  ...database,
  transaction: (work) =>
    database.transaction(async (tx) => {
      await work(tx);
      throw new RetryableError("the connection broke");
    }),
});

eachStore("joinHalves: an attempt that fails leaves nothing", async ({ open }) => {
  const db = await open("fulfillment", [joins]);
  await assertRejects(() => joinHalves(failing(db), [reserved("o1", 1)], FIRST), RetryableError);
  assertEquals(await db.count(joins), 0);
  assertEquals(await joinHalves(db, [paid("o1", 1), paid("o2", 2)], FIRST), []);
  const batch = [reserved("o1", 1), reserved("o2", 2), reserved("o3", 3)];
  await assertRejects(() => joinHalves(failing(db), batch, FIRST), RetryableError);
  assertEquals(await db.count(joins), 2);
  assertEquals(await joinHalves(db, batch, LATER), [
    confirmed("o1", LATER),
    confirmed("o2", LATER),
  ]);
});

eachStore(
  "joinHalves: both halves of many orders at once by two members, each order one outcome",
  async ({ open }) => {
    const [one, other] = [await open("fulfillment", [joins]), await open("fulfillment", [joins])];
    for (let round = 0; round < 25; round++) {
      const orders = ids(`o${round}-`, 20);
      const stock = orders.map((id, i) => reserved(id, i));
      const money = orders.toReversed().map((id, i) => paid(id, i));
      const results = await Promise.all([
        joinHalves(one!, stock, FIRST),
        joinHalves(other!, money, FIRST),
      ]);
      assertEquals(orderIds(results.flat()).toSorted(), orders.toSorted());
      // Delivered again, each message says what it said before.
      assertEquals(await joinHalves(other!, stock, LATER), results[0]);
      assertEquals(await joinHalves(one!, money, LATER), results[1]);
    }
  },
);

eachStore(
  "joinHalves: a zombie and its successor with the same batch decide alike",
  async ({ open }) => {
    const [one, other] = [await open("fulfillment", [joins]), await open("fulfillment", [joins])];
    for (let round = 0; round < 25; round++) {
      const orders = ids(`o${round}-`, 20);
      await joinHalves(one!, orders.map((id, i) => reserved(id, i)), PLACED);
      const batch = orders.map((id, i) => paid(id, i));
      const [zombie, successor] = await Promise.all([
        joinHalves(one!, batch, FIRST),
        joinHalves(other!, batch, LATER),
      ]);
      assertEquals(orderIds(zombie!), orders);
      assertEquals(successor, zombie);
      assert(new Set(zombie!.map((event) => event.occurredAt)).size === 1);
    }
  },
);
