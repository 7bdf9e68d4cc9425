import { assertEquals, assertRejects } from "@std/assert";
import { type Database, type Row, type Table } from "../../database/database.ts";
import { RetryableError } from "../../runtime/errors.ts";
import { type CacheLimits, createCatalogCache } from "./catalog_cache.ts";

/** A catalog in memory that notes what it is asked for, and the cache in front of it. */
function setUp(limits: Partial<CacheLimits> = {}) {
  const clock = { ms: 1_000_000 };
  const rows = new Map<string, Map<string, Record<string, string>>>([
    ["customers", new Map()],
    ["products", new Map()],
  ]);
  const asked: string[] = [];
  const down = { yes: false };
  const none = () => Promise.reject(new Error("the cache only looks up"));
  const catalog: Database = {
    transaction: (work) =>
      work({
        select<T extends Table>(table: T, keys: readonly string[]) {
          if (down.yes) return Promise.reject(new RetryableError("the catalog does not answer"));
          asked.push(...keys);
          const found = keys.map((key) => rows.get(table.name)!.get(key));
          return Promise.resolve(found.filter((row) => row !== undefined) as Row<T>[]);
        },
        insert: none,
        upsert: none,
        update: none,
      }),
    scan: () => {
      throw new Error("the cache only looks up");
    },
    count: none,
    close: () => Promise.resolve(),
  };
  const cache = createCatalogCache(
    catalog,
    { maxEntries: 100, timeToLiveMs: 500, ...limits },
    () => clock.ms,
  );
  return {
    clock,
    down,
    cache,
    customer(id: string, name: string) {
      const row = { customer_id: id, name, country: "DE", tier: "gold", status: "active" };
      rows.get("customers")!.set(id, row);
    },
    product(id: string, cents: number) {
      const row = { product_id: id, status: "active", prices: JSON.stringify({ EUR: cents }) };
      rows.get("products")!.set(id, row);
    },
    /** What the catalog was asked for since the last call. */
    asked: () => asked.splice(0).toSorted(),
  };
}

Deno.test("createCatalogCache: looks up each id once within the time to live, again after it", async () => {
  const { cache, clock, customer, product, asked } = setUp({ timeToLiveMs: 500 });
  customer("c1", "old name");
  product("p1", 100);
  const look = async () => {
    const view = await cache.view(["c1", "c1"], ["p1", "p1"]);
    return [view.customer("c1")?.name, view.product("p1")?.priceCents.get("EUR")];
  };
  assertEquals(await look(), ["old name", 100]);
  assertEquals(asked(), ["c1", "p1"]);
  customer("c1", "new name");
  product("p1", 200);
  clock.ms += 499;
  assertEquals(await look(), ["old name", 100]);
  assertEquals(asked(), [], "still remembered");
  clock.ms += 1;
  assertEquals(await look(), ["new name", 200]);
  assertEquals(asked(), ["c1", "p1"]);
  // The time to live starts again with the look-up.
  clock.ms += 499;
  await look();
  assertEquals(asked(), []);
});

Deno.test("createCatalogCache: remembers what is unknown, for the same time", async () => {
  const { cache, clock, customer, product, asked } = setUp({ timeToLiveMs: 500 });
  const look = async () => {
    const view = await cache.view(["c1"], ["p1"]);
    return [view.customer("c1")?.name, view.product("p1")?.priceCents.get("EUR")];
  };
  assertEquals(await look(), [undefined, undefined]);
  assertEquals(asked(), ["c1", "p1"]);
  customer("c1", "new");
  product("p1", 100);
  clock.ms += 499;
  assertEquals(await look(), [undefined, undefined]);
  assertEquals(asked(), []);
  clock.ms += 1;
  assertEquals(await look(), ["new", 100]);
});

Deno.test("createCatalogCache: asks only for what it lacks", async () => {
  const { cache, customer, asked } = setUp();
  for (const id of ["c1", "c2", "c3"]) customer(id, `name of ${id}`);
  await cache.view(["c1", "c2"], []);
  assertEquals(asked(), ["c1", "c2"]);
  const view = await cache.view(["c3", "c2", "c1"], []);
  assertEquals(asked(), ["c3"]);
  assertEquals(["c1", "c2", "c3"].map((id) => view.customer(id)?.name), [
    "name of c1",
    "name of c2",
    "name of c3",
  ]);
  // A product of a customer's name is another thing.
  assertEquals((await cache.view([], ["c1"])).product("c1"), undefined);
  assertEquals(asked(), ["c1"]);
});

Deno.test("createCatalogCache: holds maxEntries of each kind, the oldest goes first", async () => {
  const { cache, customer, product, asked } = setUp({ maxEntries: 3 });
  for (const n of [1, 2, 3, 4, 5]) {
    customer(`c${n}`, `name ${n}`);
    product(`p${n}`, n);
  }
  await cache.view(["c1", "c2", "c3"], ["p1", "p2", "p3"]);
  asked();
  await cache.view(["c4"], []);
  assertEquals(asked(), ["c4"]);
  await cache.view(["c2", "c3", "c4"], ["p1", "p2", "p3"]);
  assertEquals(asked(), [], "c1 had to go, and nothing else");
  await cache.view(["c1"], []);
  assertEquals(asked(), ["c1"]);
  // One view may want more than the cache holds: it answers for all of them.
  const all = ["c1", "c2", "c3", "c4", "c5"];
  for (let i = 0; i < 2; i++) {
    const view = await cache.view(all, []);
    assertEquals(all.map((id) => view.customer(id)?.name), all.map((id) => `name ${id[1]}`));
  }
});

Deno.test("createCatalogCache: never asks for ids that no catalog has", async () => {
  const { cache, asked } = setUp();
  const odd = ["", "c\0", "c'--", 'c"', "c 1", "c\n", "\ud800", "ü", "c".repeat(65)];
  const longest = "c".repeat(64);
  const view = await cache.view([...odd, longest], [...odd, "A-z_0.9"]);
  assertEquals(asked(), ["A-z_0.9", longest]);
  for (const id of odd) {
    assertEquals(view.customer(id), undefined);
    assertEquals(view.product(id), undefined);
  }
});

Deno.test("createCatalogCache: a look-up that fails is not remembered as unknown", async () => {
  const { cache, customer, down } = setUp();
  customer("c1", "known");
  down.yes = true;
  await assertRejects(() => cache.view(["c1"], []), RetryableError);
  down.yes = false;
  assertEquals((await cache.view(["c1"], [])).customer("c1")?.name, "known");
});
