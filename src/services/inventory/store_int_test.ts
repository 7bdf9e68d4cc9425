import { assert, assertEquals, assertRejects } from "@std/assert";
import { decode, encode } from "../../events/codec.ts";
import type { InventoryRejected, InventoryUpdated } from "../../events/schemas.ts";
import type { Database, Row, Table } from "../../database/database.ts";
import { eachStore } from "../../database/testing/stores.ts";
import {
  inventoryTables,
  releaseStock as releasesOf,
  reservations,
  reserveStock,
  stock,
} from "./store.ts";

/** What was given back. */
const releaseStock = async (...call: Parameters<typeof releasesOf>) =>
  (await releasesOf(...call)).filter((event) => event !== undefined);

const PLACED = "2026-01-01T10:00:00.000Z";
const FIRST = "2026-01-01T10:00:01.000Z";
const LATER = "2026-01-01T10:00:09.000Z";

const order = (orderId: string, lines: Record<string, number>) => ({
  orderId,
  placedAt: PLACED,
  items: Object.entries(lines).map(([productId, quantity]) => ({
    productId,
    quantity,
    unitPriceCents: 100,
  })),
});

const fill = (database: Database, pieces: Record<string, number>) =>
  database.transaction((tx) =>
    tx.insert(
      stock,
      Object.entries(pieces).map(([product_id, n]) => ({ product_id, initial: n, on_hand: n })),
    )
  );

const all = async <T extends Table>(database: Database, table: T): Promise<Row<T>[]> =>
  (await Array.fromAsync(database.scan(table))).flat();

async function onHand(database: Database): Promise<Record<string, number | null>> {
  const rows = await all(database, stock);
  return Object.fromEntries(rows.map((row) => [row.product_id, row.on_hand]));
}

const outcomes = (events: (InventoryUpdated | InventoryRejected)[]) =>
  events.map((event) =>
    event.type === "InventoryUpdated"
      ? event.changes.map((c) => `${c.productId} ${c.delta} ${c.remaining}`).join("; ")
      : event.detail
  );

eachStore(
  "reserveStock: one event an order in their order, rows and stock accordingly",
  async ({ open }) => {
    const db = await open("inventory", inventoryTables);
    await fill(db, { a: 5, b: 1 });
    const events = await reserveStock(db, [
      order("o2", { a: 2, b: 1 }),
      order("o1", { a: 1, b: 1 }),
      order("o3", { a: 3 }),
      order("o4", { nothing: 1 }),
    ], FIRST);
    assertEquals(events, [
      {
        type: "InventoryUpdated",
        eventId: "o2/InventoryUpdated/reserved",
        version: 1,
        orderId: "o2",
        placedAt: PLACED,
        occurredAt: FIRST,
        action: "reserved",
        changes: [{ productId: "a", delta: -2, remaining: 3 }, {
          productId: "b",
          delta: -1,
          remaining: 0,
        }],
      },
      {
        type: "InventoryRejected",
        eventId: "o1/InventoryRejected",
        version: 1,
        orderId: "o1",
        placedAt: PLACED,
        occurredAt: FIRST,
        reason: "out_of_stock",
        detail: "b: 1 wanted, 0 left",
      },
      {
        type: "InventoryUpdated",
        eventId: "o3/InventoryUpdated/reserved",
        version: 1,
        orderId: "o3",
        placedAt: PLACED,
        occurredAt: FIRST,
        action: "reserved",
        changes: [{ productId: "a", delta: -3, remaining: 0 }],
      },
      {
        type: "InventoryRejected",
        eventId: "o4/InventoryRejected",
        version: 1,
        orderId: "o4",
        placedAt: PLACED,
        occurredAt: FIRST,
        reason: "out_of_stock",
        detail: "nothing: 1 wanted, 0 left",
      },
    ]);
    assertEquals(await onHand(db), { a: 0, b: 0 });
    const states = (await all(db, reservations)).map((row) => [row.order_id, row.state]);
    assertEquals(states, [["o1", "rejected"], ["o2", "reserved"], ["o3", "reserved"], [
      "o4",
      "rejected",
    ]]);
  },
);

eachStore(
  "reserveStock, releaseStock: their events are events of inventory.events",
  async ({ open }) => {
    const db = await open("inventory", inventoryTables);
    await fill(db, { a: 1 });
    const events = [
      ...await reserveStock(db, [order("o1", { a: 1 }), order("o2", { a: 1 })], FIRST),
      ...await releaseStock(db, [{ orderId: "o1" }], LATER),
    ];
    assertEquals(events.length, 3);
    for (const event of events) {
      const key = new TextEncoder().encode(event.orderId);
      assertEquals(decode("inventory.events", key, encode(event)), { ok: true, event });
    }
  },
);

eachStore(
  "reserveStock: redelivered, whole or in other batches, the same events and one deduction",
  async ({ open }) => {
    const db = await open("inventory", inventoryTables);
    await fill(db, { a: 3, b: 9 });
    const orders = [order("o1", { a: 2 }), order("o2", { a: 2, b: 1 }), order("o3", { b: 4 })];
    const events = await reserveStock(db, orders, FIRST);
    const rows = await all(db, reservations);
    assertEquals(await reserveStock(db, orders, LATER), events);
    const another = order("o4", { a: 1 });
    const [again, fresh] = await reserveStock(db, [orders[1]!, another], LATER);
    assertEquals(again, events[1]);
    assertEquals(fresh?.occurredAt, LATER);
    assertEquals(await onHand(db), { a: 0, b: 5 });
    assertEquals((await all(db, reservations)).slice(0, 3), rows);
  },
);

eachStore(
  "reserveStock: twice in one batch, the same event twice and one deduction",
  async ({ open }) => {
    const db = await open("inventory", inventoryTables);
    await fill(db, { a: 3 });
    const events = await reserveStock(
      db,
      [order("o1", { a: 2 }), order("o2", { a: 1 }), order("o1", { a: 2 })],
      FIRST,
    );
    assertEquals(outcomes(events), ["a -2 1", "a -1 0", "a -2 1"]);
    assertEquals(await onHand(db), { a: 0 });
  },
);

eachStore("reserveStock, releaseStock: no orders, no events", async ({ open }) => {
  const db = await open("inventory", inventoryTables);
  assertEquals(await reserveStock(db, [], FIRST), []);
  assertEquals(await releaseStock(db, [], FIRST), []);
});

eachStore(
  "releaseStock: gives back what was reserved, once, with the same event again",
  async ({ open }) => {
    const db = await open("inventory", inventoryTables);
    await fill(db, { a: 5, b: 5 });
    const placed = ["o1", "o2", "o3"].map((id) => order(id, { a: 1, b: 2 }));
    const reserved = await reserveStock(db, placed, FIRST);
    assertEquals(outcomes(reserved), ["a -1 4; b -2 3", "a -1 3; b -2 1", "b: 2 wanted, 1 left"]);
    const batch = ["o2", "o3", "unknown", "o1", "o2"].map((orderId) => ({ orderId }));
    const released = await releaseStock(db, batch, LATER);
    assertEquals(released.map((event) => event.orderId), ["o2", "o1", "o2"]);
    assertEquals(outcomes(released), ["a 1 4; b 2 3", "a 1 5; b 2 5", "a 1 4; b 2 3"]);
    assertEquals(released[0], {
      type: "InventoryUpdated",
      eventId: "o2/InventoryUpdated/released",
      version: 1,
      orderId: "o2",
      placedAt: PLACED,
      occurredAt: LATER,
      action: "released",
      changes: [{ productId: "a", delta: 1, remaining: 4 }, {
        productId: "b",
        delta: 2,
        remaining: 3,
      }],
    });
    assertEquals(await onHand(db), { a: 5, b: 5 });
    assertEquals(await releaseStock(db, batch, "2027-01-01T00:00:00.000Z"), released);
    assertEquals(await onHand(db), { a: 5, b: 5 });
    // The order itself delivered again: what was decided stays decided.
    assertEquals(await reserveStock(db, placed, LATER), reserved);
    assertEquals(await onHand(db), { a: 5, b: 5 });
  },
);

eachStore(
  "reserveStock: when a step fails, nothing is deducted and nothing is known",
  async ({ open }) => {
    const db = await open("inventory", [stock]);
    await fill(db, { a: 5 });
    await assertRejects(() => reserveStock(db, [order("o1", { a: 1 })], FIRST));
    const whole = await open("inventory", inventoryTables);
    const [event] = await reserveStock(whole, [order("o1", { a: 1 })], LATER);
    assertEquals(event?.occurredAt, LATER);
    assertEquals(await onHand(db), { a: 4 });
  },
);

eachStore(
  "reserveStock, releaseStock: a zombie and its successor with the same batch do it once",
  async ({ open }) => {
    const replicas = [
      await open("inventory", inventoryTables),
      await open("inventory", inventoryTables),
    ];
    await fill(replicas[0]!, { a: 1_000, b: 500 });
    const bothAtOnce = async <T>(work: (db: Database, occurredAt: string) => Promise<T[]>) => {
      const [zombie, successor] = await Promise.all(
        replicas.map((db, i) => work(db, i ? LATER : FIRST)),
      );
      assertEquals(zombie, successor);
      return zombie!;
    };
    for (let round = 0; round < 20; round++) {
      const batch = Array.from({ length: 10 }, (_, i) => order(`o-${round}-${i}`, { a: 2, b: 1 }));
      const reserved = await bothAtOnce((db, time) => reserveStock(db, batch, time));
      assertEquals(reserved.length, batch.length);
      assertEquals(await onHand(replicas[0]!), {
        a: 1_000 - 10 * (round + 2),
        b: 500 - 5 * (round + 2),
      });
      const cancelled = batch.slice(5);
      const released = await bothAtOnce((db, time) => releaseStock(db, cancelled, time));
      assertEquals(released.length, cancelled.length);
      assertEquals(await onHand(replicas[0]!), {
        a: 1_000 - 10 * (round + 1),
        b: 500 - 5 * (round + 1),
      });
    }
  },
);

eachStore(
  "reserveStock, releaseStock: two at once on the same products and orders agree, and nothing leaks",
  async ({ open }) => {
    const replicas = [
      await open("inventory", inventoryTables),
      await open("inventory", inventoryTables),
    ];
    const initial = { a: 400, b: 350, c: 60 };
    await fill(replicas[0]!, initial);
    const products = Object.keys(initial);
    const placed = Array.from(
      { length: 600 },
      (_, i) =>
        order(`o-${i * 7 % 600}`, { [products[i % 3]!]: 1 + i % 2, [products[(i + 1) % 2]!]: 1 }),
    );
    // The same orders in batches of other sizes and in opposite directions: one is the other's zombie.
    const work = [{ orders: placed, size: 50 }, { orders: placed.toReversed(), size: 35 }];
    const results = await Promise.all(work.map(async ({ orders, size }, i) => {
      const db = replicas[i]!;
      const events = new Map<string, InventoryUpdated | InventoryRejected>();
      for (let at = 0; at < orders.length; at += size) {
        const batch = orders.slice(at, at + size);
        for (const event of await reserveStock(db, batch, i ? FIRST : LATER)) {
          events.set(event.eventId, event);
        }
        const cancelled = batch.filter((_, n) => n % 5 === 0);
        for (const event of await releaseStock(db, cancelled, i ? FIRST : LATER)) {
          events.set(event.eventId, event);
        }
      }
      return events;
    }));
    const [one, other] = results;
    for (const [id, event] of one!) {
      // Each cancels other orders of the same batches; what both know they know alike.
      if (other!.has(id)) assertEquals(other!.get(id), event);
    }
    const events = [...new Map([...one!, ...other!]).values()];
    const decided = events.filter((e) =>
      !(e.type === "InventoryUpdated" && e.action === "released")
    );
    assertEquals(decided.length, placed.length);
    assert(decided.some(({ type }) => type === "InventoryRejected"), "the stock was to run short");
    const left: Record<string, number> = { ...initial };
    for (const event of events) {
      if (event.type === "InventoryRejected") continue;
      for (const { productId, delta } of event.changes) left[productId]! += delta;
    }
    assertEquals(await onHand(replicas[0]!), left);
    assert(Object.values(left).every((pieces) => pieces >= 0));
  },
);
