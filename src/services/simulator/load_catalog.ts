/** Reads the whole catalog, in the order of its ids: the first ones are the popular ones. */
import { customers, products } from "../../store/catalog.ts";
import type { Database } from "../../store/database.ts";
import { jsonIn } from "../../store/rows.ts";
import type { Catalog, Customer, Product } from "./orders/shop.ts";

/** @throws {Unavailable} the database does not answer */
export async function loadCatalog(database: Database): Promise<Catalog> {
  const catalog = { customers: [] as Customer[], products: [] as Product[] };
  for await (const page of database.scan(customers)) {
    for (const { customer_id, currency, status } of page) {
      const active = status === "active";
      catalog.customers.push({ customerId: customer_id, currency: currency ?? "", active });
    }
  }
  for await (const page of database.scan(products)) {
    for (const row of page) {
      const { product_id, status } = row;
      const cents: Record<string, number> = row.prices === null
        ? {}
        : jsonIn(products, row, "prices");
      catalog.products.push({
        productId: product_id,
        active: status === "active",
        priceCents: new Map(Object.entries(cents)),
      });
    }
  }
  return catalog;
}
