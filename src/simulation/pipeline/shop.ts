/** What orders are about, and how they are made: as the real seed and the real simulator do. */
import { customers, pricesOf, products } from "../../database/catalog.ts";
import { makeCatalog } from "../../commands/seed/seed.ts";
import { stock } from "../../services/inventory/store.ts";
import { createOrderMaker, type OrderMaker } from "../../services/simulator/make_order.ts";
import type { SimulatedDatabases } from "../databases/databases.ts";

/** So small that orders meet: they want the same products, and some run out. */
const SIZES = { seed: 1, customers: 50, products: 25 };
const PIECES_PER_ORDER = 0.6;
const SHARES = { refusedShare: 0.12, brokenShare: 0.1 };
const ZIPF_EXPONENT = 0.6;
/** Those that are refused for their size cost more time than they tell. */
const MAX_MESSAGE_BYTES = 3_000;

export const RUN_ID = "sim";

const DATA = makeCatalog({ ...SIZES, initialStock: 1_000 });
const CATALOG = {
  customers: DATA.customers.map(({ customer_id, currency, status }) => ({
    customerId: customer_id,
    currency: currency!,
    active: status === "active",
  })),
  products: DATA.products.map((row) => ({
    productId: row.product_id,
    active: row.status === "active",
    priceCents: pricesOf(row),
  })),
};

/** @param orders how many are going to be placed */
export function fillShop(databases: SimulatedDatabases, orders: number): void {
  databases.fill("catalog", customers, DATA.customers);
  databases.fill("catalog", products, DATA.products);
  const rows = DATA.stock.map(({ product_id, initial }) => {
    const pieces = Math.ceil(initial! / 1_000 * PIECES_PER_ORDER * orders ** 0.8);
    return { product_id, initial: pieces, on_hand: pieces };
  });
  databases.fill("inventory", stock, rows);
}

export function orderMaker(seed: number): OrderMaker {
  const options = { catalog: CATALOG, runId: RUN_ID, zipfExponent: ZIPF_EXPONENT, ...SHARES };
  const makers: OrderMaker[] = [];
  return (sequence, placedAtMs) => {
    for (let i = 0;; i++) {
      makers[i] ??= createOrderMaker({ ...options, seed: seed + i >>> 0 });
      const message = makers[i]!(sequence, placedAtMs);
      if ((message.value?.length ?? 0) <= MAX_MESSAGE_BYTES) return message;
    }
  };
}
