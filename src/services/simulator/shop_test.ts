import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { createRandom, createShop, createZipf, totalOf } from "./shop.ts";
import { SMALL_CATALOG } from "./testing/catalog.ts";

const customers = new Map(SMALL_CATALOG.customers.map((c) => [c.customerId, c]));
const products = new Map(SMALL_CATALOG.products.map((p) => [p.productId, p]));

Deno.test("createShop: draws orders that break no rule", () => {
  const shop = createShop(SMALL_CATALOG, 1);
  const random = createRandom();
  fc.assert(fc.property(fc.nat(), fc.nat(), (seed, sequence) => {
    random.begin(seed, sequence);
    const { customerId, currency, items, totalCents } = shop.draw(random);
    const customer = customers.get(customerId)!;
    assert(customer.active);
    assertEquals(currency, customer.currency);
    assert(items.length >= 1 && items.length <= 5);
    assertEquals(new Set(items.map((item) => item.productId)).size, items.length);
    for (const { productId, quantity, unitPriceCents } of items) {
      assert(products.get(productId)!.active);
      assertEquals(unitPriceCents, products.get(productId)!.priceCents.get(currency));
      assert(Number.isInteger(quantity) && quantity >= 1 && quantity <= 5);
    }
    assertEquals(totalCents, totalOf(items));
  }));
});

Deno.test("createShop: most quantities are 1 to 3, and orders of every size occur", () => {
  const shop = createShop(SMALL_CATALOG, 1);
  const random = createRandom();
  const drafts = Array.from({ length: 5_000 }, (_, n) => {
    random.begin(1, n);
    return shop.draw(random);
  });
  const quantities = drafts.flatMap(({ items }) => items.map((item) => item.quantity));
  const few = quantities.filter((quantity) => quantity <= 3).length / quantities.length;
  assert(few > 0.9 && few < 0.96, `${few}`);
  assertEquals([...new Set(drafts.map(({ items }) => items.length))].toSorted(), [1, 2, 3, 4, 5]);
});

Deno.test("createShop: the first customers and products are drawn most, unless all are alike", () => {
  const firstShare = (exponent: number) => {
    const shop = createShop(SMALL_CATALOG, exponent);
    const random = createRandom();
    let first = 0;
    for (let n = 0; n < 5_000; n++) {
      random.begin(1, n);
      if (shop.draw(random).customerId === "c-0") first++;
    }
    return first / 5_000;
  };
  // 45 active customers: 1 / 45, and 1 / (1 + 1/2 + … + 1/45).
  assert(Math.abs(firstShare(0) - 0.022) < 0.008, `${firstShare(0)}`);
  assert(Math.abs(firstShare(1) - 0.228) < 0.02, `${firstShare(1)}`);
});

Deno.test("createShop: says so when no customer could buy a product", () => {
  const poor = [
    { ...SMALL_CATALOG, customers: [] },
    { ...SMALL_CATALOG, products: [] },
    { ...SMALL_CATALOG, products: SMALL_CATALOG.products.map((p) => ({ ...p, active: false })) },
    { ...SMALL_CATALOG, customers: [{ customerId: "c", currency: "CHF", active: true }] },
  ];
  for (const catalog of poor) assertThrows(() => createShop(catalog, 1), RangeError, "no active");
});

Deno.test("createZipf: every number becomes an index, in order", () => {
  const u = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  const counts = fc.integer({ min: 1, max: 1_000 });
  const exponents = fc.double({ min: 0, max: 5, noNaN: true });
  fc.assert(fc.property(counts, exponents, u, u, (count, exponent, a, b) => {
    const draw = createZipf(count, exponent);
    const [first, last] = [draw(Math.min(a, b)), draw(Math.max(a, b))];
    assert(0 <= first && first <= last && last < count);
  }));
});

Deno.test("createZipf: rank r is drawn in proportion to 1 / r^exponent", () => {
  for (const exponent of [0, 0.5, 1, 2]) {
    const draw = createZipf(10, exponent);
    const drawn = new Array<number>(10).fill(0);
    const draws = 100_000;
    for (let i = 0; i < draws; i++) drawn[draw(i / draws)]!++;
    const sum = drawn.reduce((total, _, i) => total + (i + 1) ** -exponent, 0);
    for (const [i, count] of drawn.entries()) {
      const expected = draws * (i + 1) ** -exponent / sum;
      assert(Math.abs(count - expected) <= 1, `rank ${i + 1}: ${count}, not ${expected}`);
    }
  }
});

Deno.test("createZipf: of one thing, it is always that", () => {
  assertEquals([0, 0.5, 0.999].map(createZipf(1, 1)), [0, 0, 0]);
});
