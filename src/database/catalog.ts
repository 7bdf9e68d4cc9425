/**
 * The catalog: who may order, what there is, at which price. Written by `deno task seed`, read by the
 * validator (and by the simulator, which orders from it). Owner `catalog`.
 */
import type { TextFile } from "../runtime/setting.ts";
import { pause } from "../runtime/shutdown.ts";
import { type Database, table } from "./database.ts";
import { RetryableError } from "../runtime/errors.ts";
import { openDatabase } from "./open.ts";

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

/** The tables of the owner `catalog`. */
export const catalogTables = [customers, products];

/**
 * @param place as for `openDatabase`
 * @throws {RetryableError} the database does not answer, or is locked
 */
export function openCatalog(
  place: { url?: string; password?: TextFile | undefined; directory: string },
): Promise<Database> {
  return openDatabase({ ...place, owner: "catalog", tables: catalogTables });
}

const POLL_MS = 500;

/**
 * Waits until the catalog holds customers and products; without them every order would be refused.
 * Returns early when `signal` aborts.
 *
 * @param onWait told why it waits, once a reason
 */
export async function catalogReady(
  catalog: Database,
  signal: AbortSignal,
  onWait: (reason: string) => void,
): Promise<void> {
  let told: string | undefined;
  while (!signal.aborted) {
    const reason = await notReady(catalog);
    if (reason === undefined) return;
    if (reason !== told) onWait(told = reason);
    await pause(POLL_MS, signal);
  }
}

async function notReady(catalog: Database): Promise<string | undefined> {
  try {
    for (
      const { name, count } of [
        { name: "customers", count: await catalog.count(customers) },
        { name: "products", count: await catalog.count(products) },
      ]
    ) {
      if (count === 0) return `the catalog has no ${name} yet: fill it with \`deno task seed\``;
    }
  } catch (error) {
    if (error instanceof RetryableError) return error.message;
    throw error;
  }
}
