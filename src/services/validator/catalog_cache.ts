/**
 * The catalog as the validator sees it: looked up in batches, kept for a while in a bounded cache.
 * That something is unknown is remembered, too; else every order for it would cost a look-up.
 */
import { customers, pricesOf, products } from "../../database/catalog.ts";
import type { Database } from "../../database/database.ts";
import type { CatalogView, Customer, Product } from "./validate.ts";

export interface CacheLimits {
  /** Entries of each kind. */
  readonly maxEntries: number;
  readonly timeToLiveMs: number;
}

/** Ids of another shape are in no catalog, and a database may refuse them (a NUL byte). */
const PLAUSIBLE_ID = /^[A-Za-z0-9_.-]{1,64}$/;

export interface CatalogCache {
  /** Looks up what of these is not in the cache; the view answers for these ids. */
  view(customerIds: Iterable<string>, productIds: Iterable<string>): Promise<CatalogView>;
}

/** @param now the clock, epoch milliseconds */
export function createCatalogCache(
  catalog: Database,
  limits: CacheLimits,
  now: () => number,
): CatalogCache {
  const customerCache = new Cache<Customer>(limits, now);
  const productCache = new Cache<Product>(limits, now);
  return {
    async view(customerIds, productIds) {
      const knownCustomers = new Map<string, Customer | undefined>();
      const knownProducts = new Map<string, Product | undefined>();
      const missingCustomers = customerCache.take(customerIds, knownCustomers);
      const missingProducts = productCache.take(productIds, knownProducts);
      if (missingCustomers.length + missingProducts.length > 0) {
        await catalog.transaction(async (tx) => {
          const customerRows = await tx.select(customers, missingCustomers);
          const productRows = await tx.select(products, missingProducts);
          for (const id of missingCustomers) knownCustomers.set(id, undefined);
          for (const id of missingProducts) knownProducts.set(id, undefined);
          for (const row of customerRows) {
            knownCustomers.set(row.customer_id, {
              customerId: row.customer_id,
              name: row.name ?? "",
              country: row.country ?? "",
              tier: row.tier === "gold" ? "gold" : "standard",
              blocked: row.status !== "active",
            });
          }
          for (const row of productRows) {
            knownProducts.set(row.product_id, {
              productId: row.product_id,
              discontinued: row.status !== "active",
              priceCents: pricesOf(row),
            });
          }
        });
        for (const id of missingCustomers) customerCache.put(id, knownCustomers.get(id));
        for (const id of missingProducts) productCache.put(id, knownProducts.get(id));
      }
      return {
        customer: (id) => knownCustomers.get(id),
        product: (id) => knownProducts.get(id),
      };
    },
  };
}

/** A Map with a bound (the oldest entry goes first) and a time to live. */
class Cache<T> {
  readonly #entries = new Map<string, { value: T | undefined; expiresAt: number }>();

  constructor(private readonly limits: CacheLimits, private readonly now: () => number) {}

  /** Copies what is known of `ids` into `target`; returns the plausible ones that are not. */
  take(ids: Iterable<string>, target: Map<string, T | undefined>): string[] {
    const missing: string[] = [];
    const now = this.now();
    for (const id of new Set(ids)) {
      const entry = this.#entries.get(id);
      if (entry && entry.expiresAt > now) target.set(id, entry.value);
      else if (PLAUSIBLE_ID.test(id)) missing.push(id);
    }
    return missing;
  }

  put(id: string, value: T | undefined): void {
    this.#entries.delete(id);
    if (this.#entries.size >= this.limits.maxEntries) {
      const oldest = this.#entries.keys().next();
      if (!oldest.done) this.#entries.delete(oldest.value);
    }
    this.#entries.set(id, { value, expiresAt: this.now() + this.limits.timeToLiveMs });
  }
}
