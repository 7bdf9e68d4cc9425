/**
 * Loads a catalog and its stock. Only what is missing is inserted: seeding again changes nothing, and
 * never resets stock that was sold.
 */
import { stock } from "../../services/inventory/store.ts";
import { customers, products } from "../../database/catalog.ts";
import type { Database, Row, Table } from "../../database/database.ts";
import type { CatalogData } from "./catalog_data.ts";

/** Rows of one statement. */
const BATCH = 5_000;

/** How many rows were missing, and are there now. */
export interface Seeded {
  readonly customers: number;
  readonly products: number;
  readonly stock: number;
}

/**
 * Inserts what is missing, each table in one transaction: no reader sees half a catalog.
 *
 * @param options.catalog the database of owner `catalog`, open with its tables
 * @param options.inventory the database of owner `inventory`, open with its tables
 * @throws {RetryableError} a database does not answer, or is locked
 */
export async function seed(options: {
  catalog: Database;
  inventory: Database;
  data: CatalogData;
}): Promise<Seeded> {
  const { catalog, inventory, data } = options;
  // Stock first and customers last: whoever sees a customer can order.
  const pieces = await insertMissing(inventory, stock, data.stock);
  const offered = await insertMissing(catalog, products, data.products);
  const known = await insertMissing(catalog, customers, data.customers);
  return { customers: known, products: offered, stock: pieces };
}

async function insertMissing<T extends Table>(
  database: Database,
  table: T,
  rows: readonly Row<T>[],
): Promise<number> {
  const before = await database.count(table);
  await database.transaction(async (tx) => {
    for (let i = 0; i < rows.length; i += BATCH) await tx.insert(table, rows.slice(i, i + BATCH));
  });
  return await database.count(table) - before;
}
