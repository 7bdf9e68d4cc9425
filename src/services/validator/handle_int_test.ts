import { assertEquals } from "@std/assert";
import { encode } from "../../events/codec.ts";
import type { OrderPlaced } from "../../events/schemas.ts";
import { catalogTables, customers, openCatalog, products } from "../../database/catalog.ts";
import type { Database } from "../../database/database.ts";
import { eachStore, type Place } from "../../database/testing/stores.ts";
import type { EventRecord, HandlerResult } from "../../kafka/processor/handler.ts";
import { placed } from "../testing/orders.ts";
import { createCatalogCache } from "./catalog_cache.ts";
import { createValidatorHandlers } from "./handle.ts";
import { processedOrders } from "./store.ts";

const NOW = Date.parse("2026-01-02T03:04:06.000Z");
const PARTITION = 3;

const message = (offset: number, event: OrderPlaced): EventRecord<OrderPlaced> => ({
  event,
  topic: "orders.raw",
  partition: PARTITION,
  raw: {
    offset,
    key: new TextEncoder().encode(event.orderId),
    value: encode(event),
    headers: {},
  },
});

const item = (productId: string) => ({
  items: [{ productId, quantity: 2, unitPriceCents: 250 }],
});

/** The same database; `onSelect` is told every key that is asked for. */
const spied = (database: Database, onSelect: (key: string) => void): Database => ({
  ...database,
  transaction: (work) =>
    database.transaction((tx) =>
      work({
        ...tx,
        select(table, keys, options) {
          keys.forEach(onSelect);
          return tx.select(table, keys, options);
        },
      })
    ),
});

/** A validator over a small catalog. */
async function setUp({ open, url, directory }: Place) {
  const writer = await open("catalog", catalogTables);
  await writer.transaction(async (tx) => {
    const anyone = { name: "Customer 1", country: "DE", currency: "EUR", tier: "gold" };
    await tx.insert(customers, [
      { customer_id: "c-1", ...anyone, status: "active" },
      { customer_id: "c-blocked", ...anyone, status: "blocked" },
    ]);
    const anything = { name: "Product 1", prices: '{"EUR":250}' };
    await tx.insert(products, [
      { product_id: "p-1", ...anything, status: "active" },
      { product_id: "p-gone", ...anything, status: "discontinued" },
    ]);
  });
  const database = await open("validator", [processedOrders]);
  const asked: string[] = [];
  const clock = { ms: NOW };
  const newHandler = (catalog: Database) =>
    createValidatorHandlers({
      database,
      catalog: createCatalogCache(
        spied(catalog, (key) => asked.push(key)),
        { maxEntries: 100, timeToLiveMs: 1_000 },
        () => clock.ms,
      ),
      now: () => clock.ms,
    })["orders.raw"];
  return { database, asked, clock, handler: newHandler(writer), newHandler, url, directory };
}

const summary = ({ events, deadLetters }: HandlerResult) => ({
  events: events.map((event) =>
    [event.orderId, event.type === "OrderRejected" ? event.reason : event.type].join(" ")
  ),
  deadLetters: deadLetters?.map(({ raw, fault }) =>
    [raw.offset, fault.reason, fault.detail].join(" ")
  ),
});

eachStore(
  "createValidatorHandlers: a good order is validated, others are refused, in their order",
  async (place) => {
    const { handler, database } = await setUp(place);
    const { events, deadLetters } = await handler([
      message(10, placed("o2")),
      message(11, placed("o1", { customerId: "c-2" })),
      message(13, placed("o3", { customerId: "c-blocked" })),
      message(14, placed("o5", { totalCents: 1 })),
      message(15, placed("o4", item("p-gone"))),
      message(16, placed("o6", item("p-2"))),
      message(17, placed("o7")),
    ]);
    assertEquals(deadLetters, []);
    const common = { version: 1 as const, placedAt: placed("").occurredAt };
    assertEquals(events.slice(0, 2), [
      {
        type: "OrderValidated",
        ...common,
        eventId: "o2/OrderValidated",
        orderId: "o2",
        occurredAt: new Date(NOW).toISOString(),
        status: "PENDING",
        processingMs: 0,
        customer: { customerId: "c-1", name: "Customer 1", country: "DE", tier: "gold" },
        currency: "EUR",
        items: placed("o2").items,
        totalCents: 500,
      },
      {
        type: "OrderRejected",
        ...common,
        eventId: "o1/OrderRejected",
        orderId: "o1",
        occurredAt: new Date(NOW).toISOString(),
        reason: "unknown_customer",
        detail: 'no customer "c-2"',
      },
    ]);
    assertEquals(summary({ events }).events, [
      "o2 OrderValidated",
      "o1 unknown_customer",
      "o3 blocked_customer",
      "o5 total_mismatch",
      "o4 discontinued_product",
      "o6 unknown_product",
      "o7 OrderValidated",
    ]);
    assertEquals(await database.count(processedOrders), 7);
  },
);

eachStore(
  "createValidatorHandlers: the same messages again, also after a restart, the same events",
  async (place) => {
    const { handler, clock, newHandler, url, directory } = await setUp(place);
    const batch = [
      message(5, placed("o1")),
      message(6, placed("o2", { customerId: "nobody" })),
      message(7, placed("o1")),
    ];
    const before = await handler(batch);
    assertEquals(summary(before), {
      events: ["o1 OrderValidated", "o2 unknown_customer"],
      deadLetters: ["7 duplicate_order order o1 was placed before, at offset 5"],
    });
    assertEquals(await handler(batch), before);
    clock.ms += 60_000;
    const catalog = await openCatalog({ url, directory });
    try {
      const restarted = newHandler(catalog);
      assertEquals(summary(await restarted(batch)), summary(before));
      // In other batches: the duplicate by itself, and the first message after it.
      assertEquals(summary(await restarted(batch.slice(2))), {
        events: [],
        deadLetters: ["7 duplicate_order order o1 was placed before, at offset 5"],
      });
      assertEquals(summary(await restarted(batch.slice(0, 1))), {
        events: ["o1 OrderValidated"],
        deadLetters: [],
      });
    } finally {
      await catalog.close();
    }
  },
);

eachStore(
  "createValidatorHandlers: an order placed again is a dead letter, whatever became of the first",
  async (place) => {
    const { handler, database } = await setUp(place);
    const duplicate = message(23, placed("o1", { customerId: "c-2" }));
    const first = await handler([
      message(20, placed("o1")),
      message(21, placed("o2", { customerId: "c-2" })),
      message(22, placed("o3")),
      duplicate,
      message(24, placed("o3")),
    ]);
    assertEquals(first.events.length, 3);
    assertEquals(first.deadLetters?.[0], {
      topic: "orders.raw",
      partition: PARTITION,
      raw: duplicate.raw,
      fault: {
        reason: "duplicate_order",
        detail: "order o1 was placed before, at offset 20",
      },
    });
    assertEquals(summary(first), {
      events: ["o1 OrderValidated", "o2 unknown_customer", "o3 OrderValidated"],
      deadLetters: [
        "23 duplicate_order order o1 was placed before, at offset 20",
        "24 duplicate_order order o3 was placed before, at offset 22",
      ],
    });
    // In a later batch; the good order under a refused one's id, too.
    const later = await handler([
      message(30, placed("o4")),
      message(31, placed("o2")),
      message(32, placed("o1")),
    ]);
    assertEquals(summary(later), {
      events: ["o4 OrderValidated"],
      deadLetters: [
        "31 duplicate_order order o2 was placed before, at offset 21",
        "32 duplicate_order order o1 was placed before, at offset 20",
      ],
    });
    assertEquals(await database.count(processedOrders), 4);
  },
);

const oddIds = ["c\0", "c-1\0", "c-1' or '1'='1", 'c-1"', "c-1;", "{c-1}", "\ud800", ""];

eachStore(
  "createValidatorHandlers: ids that no catalog has are unknown, and do not reach the database",
  async (place) => {
    const { handler, asked } = await setUp(place);
    const batch = oddIds.flatMap((id, i) => [
      message(2 * i, placed(`customer-${i}`, { customerId: id })),
      message(2 * i + 1, placed(`product-${i}`, item(id))),
    ]);
    const handled = await handler([...batch, message(99, placed("good"))]);
    assertEquals(summary(handled), {
      events: [
        ...oddIds.flatMap((_, i) => [
          `customer-${i} unknown_customer`,
          `product-${i} unknown_product`,
        ]),
        "good OrderValidated",
      ],
      deadLetters: [],
    });
    assertEquals(asked.toSorted(), ["c-1", "p-1"]);
  },
);
