/**
 * Makes a catalog and its stock, from a seed and sizes (pure: the same rows for the same input), and loads
 * them. Only what is missing is inserted: seeding again changes nothing, and never resets stock that was
 * sold.
 *
 * Customer n and product n are the same whatever the sizes are. Products are numbered by popularity:
 * p-0001 is meant to be ordered most often, so that the few scarce ones (`SCARCE`) are ordered often
 * enough to run out, and seldom enough that only a few percent of the orders are refused for it.
 */
import type { Database, Row, Table } from "../../database/database.ts";
import { customers, products } from "../../database/catalog.ts";
import { fnv1a, mulberry32 } from "../../runtime/hash.ts";
import { stock } from "../../services/inventory/store.ts";

export interface CatalogData {
  readonly customers: Row<typeof customers>[];
  readonly products: Row<typeof products>[];
  readonly stock: Row<typeof stock>[];
}

interface CatalogOptions {
  /** A whole number; another one makes another catalog. */
  readonly seed: number;
  /** How many (default: 10,000). */
  readonly customers?: number;
  /** How many (default: 500). */
  readonly products?: number;
  /**
   * Pieces of each product, give or take a quarter (default: 20,000). With Zipf-popular orders of a
   * few pieces the most popular product runs out after about as many orders.
   */
  readonly initialStock?: number;
}

const BLOCKED_SHARE = 0.02;
const DISCONTINUED_SHARE = 0.02;
const GOLD_SHARE = 0.1;
/** Pieces of a product vary by this share. */
const STOCK_SPREAD = 0.25;
/** The numbers of the products that are scarce, and the share of the usual pieces that they have. */
const SCARCE = [40, 55, 70, 85, 100];
const SCARCE_STOCK_SHARE = 1 / 500;

const MARKETS = [
  { currency: "EUR", countries: ["DE", "FR", "ES", "IT", "NL"], weight: 50, rate: 1 },
  { currency: "USD", countries: ["US"], weight: 35, rate: 1.1 },
  { currency: "GBP", countries: ["GB"], weight: 15, rate: 0.85 },
] as const;

const MIN_PRICE_CENTS = 199;
const MAX_PRICE_CENTS = 19_999;

const ADJECTIVES = [
  "Blue",
  "Compact",
  "Folding",
  "Large",
  "Light",
  "Quiet",
  "Red",
  "Round",
  "Sturdy",
  "Warm",
];
const MATERIALS = [
  "Bamboo",
  "Ceramic",
  "Cork",
  "Cotton",
  "Glass",
  "Leather",
  "Linen",
  "Oak",
  "Steel",
  "Wool",
];
const THINGS = [
  "Basket",
  "Blanket",
  "Bottle",
  "Bowl",
  "Chair",
  "Clock",
  "Lamp",
  "Mug",
  "Shelf",
  "Tray",
];

/** @throws {RangeError} a size is not a whole number from 0 on */
export function makeCatalog(options: CatalogOptions): CatalogData {
  const { seed, customers = 10_000, products = 500, initialStock = 20_000 } = options;
  for (const [name, value] of Object.entries({ seed, customers, products, initialStock })) {
    if (!Number.isSafeInteger(value) || value < 0) {
      throw new RangeError(`${name}: expected a whole number from 0 on, found ${value}`);
    }
  }
  const productNumbers = numbers(products);
  return {
    customers: numbers(customers).map((n) => makeCustomer(n, chances(seed, "customer", n))),
    products: productNumbers.map((n) => makeProduct(n, chances(seed, "product", n))),
    stock: productNumbers.map((n) => makeStock(n, initialStock, chances(seed, "stock", n))),
  };
}

/** A number from 0 to 1, 1 excluded; another one at each call. */
type Chance = () => number;

function makeCustomer(n: number, chance: Chance): Row<typeof customers> {
  const market = pickMarket(chance);
  return {
    customer_id: `c-${String(n).padStart(5, "0")}`,
    name: `Customer ${n}`,
    country: pick(market.countries, chance),
    currency: market.currency,
    tier: chance() < GOLD_SHARE ? "gold" : "standard",
    status: chance() < BLOCKED_SHARE ? "blocked" : "active",
  };
}

function makeProduct(n: number, chance: Chance): Row<typeof products> {
  const name = [ADJECTIVES, MATERIALS, THINGS].map((words) => pick(words, chance)).join(" ");
  // Evenly on a logarithmic scale: many cheap things, few dear ones.
  const baseCents = MIN_PRICE_CENTS * (MAX_PRICE_CENTS / MIN_PRICE_CENTS) ** chance();
  const prices = MARKETS.map(({ currency, rate }) => [currency, Math.round(baseCents * rate)]);
  return {
    product_id: productId(n),
    name: `${name} ${n}`,
    status: chance() < DISCONTINUED_SHARE ? "discontinued" : "active",
    prices: JSON.stringify(Object.fromEntries(prices)),
  };
}

function makeStock(n: number, initialStock: number, chance: Chance): Row<typeof stock> {
  const usual = initialStock * (SCARCE.includes(n) ? SCARCE_STOCK_SHARE : 1);
  const pieces = Math.round(usual * (1 + STOCK_SPREAD * (2 * chance() - 1)));
  return { product_id: productId(n), initial: pieces, on_hand: pieces };
}

function productId(n: number): string {
  return `p-${String(n).padStart(4, "0")}`;
}

function pickMarket(chance: Chance): typeof MARKETS[number] {
  let at = chance() * MARKETS.reduce((sum, market) => sum + market.weight, 0);
  return MARKETS.find((market) => (at -= market.weight) < 0) ?? MARKETS[0];
}

function pick<T>(from: readonly T[], chance: Chance): T {
  return from[Math.floor(chance() * from.length)]!;
}

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i + 1);
}

/** The chances of one thing: its own, whatever else is made. */
function chances(seed: number, kind: string, n: number): Chance {
  return mulberry32(fnv1a(`${seed}/${kind}/${n}`));
}

/** Rows of one statement. */
const BATCH = 5_000;

/** How many rows were missing, and are there now. */
interface Seeded {
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
