/** For tests: a small catalog with one of everything that an order can be refused for. */
import type { Catalog } from "../shop.ts";

export const SMALL_CATALOG: Catalog = {
  customers: Array.from({ length: 50 }, (_, i) => ({
    customerId: `c-${i}`,
    currency: i % 2 === 0 ? "EUR" : "USD",
    active: i % 10 !== 9,
  })),
  products: Array.from({ length: 40 }, (_, i) => ({
    productId: `p-${i}`,
    active: i % 8 !== 7,
    // Some are sold in one currency only.
    priceCents: new Map<string, number>([
      ["EUR", 100 + i],
      ...(i % 4 === 0 ? [] : [["USD", 110 + i] as const]),
    ]),
  })),
};
