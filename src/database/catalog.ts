/**
 * The catalog: customers, products and prices. `deno task seed` writes it; the validator and the
 * simulator read it. Its owner is `catalog`.
 */
import { pause } from "../runtime/shutdown.ts";
import { type Database, jsonIn, type Row, table } from "./database.ts";
import { RetryableError } from "../runtime/errors.ts";
import type { VersionedTables } from "./migrations.ts";
import { type DatabasePlace, openDatabase } from "./open.ts";

export const customers = table("customers", "customer_id", {
  customer_id: "text",
  name: "text",
  /** ISO 3166, two letters. */
  country: "text",
  /** ISO 4217, three letters. */
  currency: "text",
  /** `standard` or `gold`. */
  tier: "text",
  /** `active` or `blocked`. */
  status: "text",
});

export const products = table("products", "product_id", {
  product_id: "text",
  name: "text",
  /** `active` or `discontinued`. */
  status: "text",
  /** JSON: an object of cents by currency code. */
  prices: "text",
});

/** A product's prices, cents by currency code. @throws {RetryableError} they are no JSON */
export function pricesOf(row: Row<typeof products>): Map<string, number> {
  const prices: Record<string, number> = row.prices === null ? {} : jsonIn(products, row, "prices");
  return new Map(Object.entries(prices));
}

/** The tables of the owner `catalog`. */
export const catalogTables = [customers, products];

/** For all who open them. */
export const catalogDatabase: VersionedTables = { owner: "catalog", tables: catalogTables };

/** @throws {RetryableError} the database does not answer, or is locked */
export function openCatalog(place: DatabasePlace): Promise<Database> {
  return openDatabase({ ...place, ...catalogDatabase });
}

const POLL_MS = 500;

/**
 * Waits until the catalog holds customers and products; without them every order would be rejected.
 * Returns early when `signal` aborts.
 *
 * @param onWait gets the reason for the wait, once for each change of it
 */
export async function catalogReady(
  catalog: Database,
  signal: AbortSignal,
  onWait: (reason: string) => void,
): Promise<void> {
  let lastReason: string | undefined;
  while (!signal.aborted) {
    const reason = await notReady(catalog);
    if (reason === undefined) return;
    if (reason !== lastReason) onWait(lastReason = reason);
    await pause(POLL_MS, signal);
  }
}

async function notReady(catalog: Database): Promise<string | undefined> {
  try {
    for (const table of catalogTables) {
      if (await catalog.count(table) > 0) continue;
      return `the catalog has no ${table.name} yet: fill it with \`deno task seed\``;
    }
  } catch (error) {
    if (error instanceof RetryableError) return error.message;
    throw error;
  }
}
