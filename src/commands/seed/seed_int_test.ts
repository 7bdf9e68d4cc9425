import { assertEquals } from "@std/assert";
import { inventoryTables, reserveStock, stock } from "../../services/inventory/store.ts";
import { catalogReady, catalogTables, customers, products } from "../../database/catalog.ts";
import type { Database, Row, Table } from "../../database/database.ts";
import { eachStore } from "../../database/testing/stores.ts";
import { makeCatalog, seed } from "./seed.ts";

const data = makeCatalog({ seed: 1, customers: 7_000, products: 20 });

async function all<T extends Table>(database: Database, table: T): Promise<Row<T>[]> {
  const rows: Row<T>[] = [];
  for await (const page of database.scan(table)) rows.push(...page);
  return rows;
}

eachStore(
  "seed: loads everything; again, it changes nothing and resets no stock",
  async ({ open }) => {
    const catalog = await open("catalog", catalogTables);
    const inventory = await open("inventory", inventoryTables);
    const first = await seed({ catalog, inventory, data });
    assertEquals(first, { customers: 7_000, products: 20, stock: 20 });
    assertEquals(await all(catalog, customers), data.customers);
    assertEquals(await all(catalog, products), data.products);
    assertEquals(await all(inventory, stock), data.stock);

    const sold = data.stock[0]!;
    const items = [{ productId: sold.product_id, quantity: 3, unitPriceCents: 100 }];
    const time = "2026-01-01T10:00:00.000Z";
    await reserveStock(inventory, [{ orderId: "o1", placedAt: time, items }], time);
    const again = await seed({ catalog, inventory, data: makeCatalog({ seed: 2, products: 20 }) });
    assertEquals(again, { customers: 3_000, products: 0, stock: 0 });
    assertEquals((await all(catalog, customers)).slice(0, 7_000), data.customers);
    assertEquals(await all(catalog, products), data.products);
    assertEquals((await all(inventory, stock))[0], { ...sold, on_hand: sold.initial! - 3 });
  },
);

eachStore("catalogReady: waits until there is a catalog, and says why once", async ({ open }) => {
  const catalog = await open("catalog", catalogTables);
  const inventory = await open("inventory", inventoryTables);
  const reasons: string[] = [];
  const waited = Promise.withResolvers<void>();
  const ready = catalogReady(catalog, new AbortController().signal, (reason) => {
    reasons.push(reason);
    waited.resolve();
  });
  await waited.promise;
  await seed({ catalog, inventory, data });
  await ready;
  assertEquals(reasons, ["the catalog has no customers yet: fill it with `deno task seed`"]);
});

eachStore("catalogReady: returns when it is told to stop", async ({ open }) => {
  const catalog = await open("catalog", catalogTables);
  const stop = new AbortController();
  await catalogReady(catalog, stop.signal, () => stop.abort());
});
