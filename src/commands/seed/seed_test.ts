import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { type CatalogData, makeCatalog } from "./seed.ts";

const data = makeCatalog({ seed: 1 });

/** Fails unless `share` of all is within a factor of 1.5 of what is expected. */
function assertShare(found: number, all: number, expected: number): void {
  const share = found / all;
  assert(share > expected / 1.5 && share < expected * 1.5, `${share} instead of ${expected}`);
}

const count = <T>(rows: readonly T[], test: (row: T) => boolean) => rows.filter(test).length;

Deno.test("makeCatalog: the same seed makes the same catalog, another seed another", () => {
  assertEquals(makeCatalog({ seed: 1 }), data);
  assertNotEquals(makeCatalog({ seed: 2 }), data);
});

Deno.test("makeCatalog: other sizes make other numbers of the same things", () => {
  const small = makeCatalog({ seed: 1, customers: 100, products: 50 });
  const first = (n: number): Pick<CatalogData, "products" | "stock"> => ({
    products: data.products.slice(0, n),
    stock: data.stock.slice(0, n),
  });
  assertEquals(small, { customers: data.customers.slice(0, 100), ...first(50) });
  assertEquals(makeCatalog({ seed: 1, customers: 0, products: 0 }), {
    customers: [],
    products: [],
    stock: [],
  });
});

Deno.test("makeCatalog: ids are in sequence and unique", () => {
  assertEquals(data.customers[41]?.customer_id, "c-00042");
  assertEquals(data.products[6]?.product_id, "p-0007");
  const customerIds = new Set(data.customers.map((row) => row.customer_id));
  const productIds = new Set(data.products.map((row) => row.product_id));
  assertEquals([customerIds.size, productIds.size], [10_000, 500]);
  assert([...customerIds].every((id) => /^c-\d{5}$/.test(id)));
  assert([...productIds].every((id) => /^p-\d{4}$/.test(id)));
});

Deno.test("makeCatalog: customers are mostly active, of every market, named by their number", () => {
  const { customers } = data;
  assertShare(count(customers, (row) => row.status === "blocked"), customers.length, 0.02);
  assertShare(count(customers, (row) => row.tier === "gold"), customers.length, 0.1);
  const currencies: Record<string, string[]> = {
    EUR: ["DE", "ES", "FR", "IT", "NL"],
    USD: ["US"],
    GBP: ["GB"],
  };
  for (const [currency, countries] of Object.entries(currencies)) {
    const found = new Set(customers.filter((c) => c.currency === currency).map((c) => c.country!));
    assertEquals([...found].sort(), countries);
  }
  assertEquals(customers[41]?.name, "Customer 42");
});

Deno.test("makeCatalog: products are mostly active, each with a price in every currency", () => {
  const { products } = data;
  assertShare(count(products, (row) => row.status === "discontinued"), products.length, 0.02);
  for (const { prices } of products) {
    const cents: Record<string, number> = JSON.parse(prices!);
    assertEquals(Object.keys(cents), ["EUR", "USD", "GBP"]);
    assert(
      Object.values(cents).every((n) => Number.isInteger(n) && n > 100 && n < 30_000),
      prices!,
    );
  }
});

Deno.test("makeCatalog: every product has stock of about initialStock, a handful very little", () => {
  for (const initialStock of [20_000, 1_000]) {
    const { products, stock } = makeCatalog({ seed: 3, initialStock });
    assertEquals(stock.map((row) => row.product_id), products.map((row) => row.product_id));
    const scarce = stock.filter((row) => row.initial! < initialStock / 100);
    assertEquals(scarce.length, 5);
    for (const { initial, on_hand } of stock) {
      assertEquals(on_hand, initial);
      assert(initial! >= 0 && initial! <= 1.25 * initialStock);
    }
    const usual = stock.filter((row) => !scarce.includes(row));
    assert(usual.every((row) => row.initial! >= 0.75 * initialStock));
    assert(new Set(usual.map((row) => row.initial)).size > 100, "uneven");
  }
});

Deno.test("makeCatalog: of 20,000 Zipf-popular orders, stock refuses a few percent", () => {
  const left = data.stock.map((row) => row.on_hand!);
  const weights = left.map((_, i) => 1 / (i + 1));
  const total = weights.reduce((sum, weight) => sum + weight);
  // Two items of two pieces, at evenly spread places of the distribution.
  const order = (n: number) =>
    [0.618_034, 0.754_878].map((step) => {
      let at = n * step % 1 * total;
      return weights.findIndex((weight) => (at -= weight) < 0);
    });
  let refused = 0;
  for (let n = 1; n <= 20_000; n++) {
    const items = order(n);
    if (items.some((i) => left[i]! < 4)) refused++;
    else items.forEach((i) => left[i]! -= 2);
  }
  assert(refused > 100 && refused < 1_000, `${refused} refused`);
});

Deno.test("makeCatalog: a size that is no whole number is refused by name", () => {
  assertThrows(() => makeCatalog({ seed: 1, products: -1 }), RangeError, "products");
  assertThrows(() => makeCatalog({ seed: 1, initialStock: 0.5 }), RangeError, "initialStock");
});
