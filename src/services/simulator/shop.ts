/** The catalog as orders are drawn from it: who buys, what, at which price, and how popular it is. */
import { customers, pricesOf, products } from "../../database/catalog.ts";
import type { Database } from "../../database/database.ts";
import { mix, mulberry32 } from "../../runtime/hash.ts";

export interface Customer {
  readonly customerId: string;
  readonly currency: string;
  readonly active: boolean;
}

export interface Product {
  readonly productId: string;
  readonly active: boolean;
  /** By currency code. */
  readonly priceCents: ReadonlyMap<string, number>;
}

/** Both in the order of their popularity. */
export interface Catalog {
  readonly customers: readonly Customer[];
  readonly products: readonly Product[];
}

export interface Item {
  productId: string;
  quantity: number;
  unitPriceCents: number;
}

/** What a customer wants: an order without its id and time. */
export interface Draft {
  customerId: string;
  currency: string;
  items: Item[];
  totalCents: number;
}

export interface Shop {
  /** An order that breaks no rule. */
  draw(random: Random): Draft;
  readonly blockedCustomers: readonly Customer[];
  readonly discontinuedProducts: readonly Product[];
}

/** What can be bought in one currency. */
interface Offer {
  readonly items: readonly { productId: string; unitPriceCents: number }[];
  readonly pick: (u: number) => number;
}

/** Shares of orders with 1, 2, … items, and of items with 1, 2, … pieces; each adds up to 1. */
const ITEM_COUNTS = [0.4, 0.25, 0.17, 0.1, 0.08];
const QUANTITIES = [0.6, 0.23, 0.1, 0.04, 0.03];

/**
 * @param exponent of Zipf's law, for customers and products
 * @throws {RangeError} the catalog has no customer who could buy a product
 */
export function createShop(catalog: Catalog, exponent: number): Shop {
  const offers = new Map<string, Offer>();
  for (const currency of new Set(catalog.customers.map((customer) => customer.currency))) {
    const items = catalog.products.flatMap(({ productId, active, priceCents }) => {
      const unitPriceCents = priceCents.get(currency);
      return active && unitPriceCents !== undefined ? [{ productId, unitPriceCents }] : [];
    });
    if (items.length > 0) offers.set(currency, { items, pick: createZipf(items.length, exponent) });
  }
  const buyers = catalog.customers.filter(({ active, currency }) => active && offers.has(currency));
  if (buyers.length === 0) {
    throw new RangeError("no active customer of the catalog could buy any active product of it");
  }
  const pickBuyer = createZipf(buyers.length, exponent);
  return {
    draw(random) {
      const { customerId, currency } = buyers[pickBuyer(random.next())]!;
      const offer = offers.get(currency)!;
      const items: Item[] = [];
      for (let wanted = drawCount(ITEM_COUNTS, random); wanted > 0; wanted--) {
        const { productId, unitPriceCents } = offer.items[offer.pick(random.next())]!;
        const quantity = drawCount(QUANTITIES, random);
        const same = items.find((item) => item.productId === productId);
        // A popular product is drawn again at times: then the order has an item less.
        if (!same) items.push({ productId, quantity, unitPriceCents });
      }
      return { customerId, currency, items, totalCents: totalOf(items) };
    },
    blockedCustomers: catalog.customers.filter(({ active }) => !active),
    discontinuedProducts: catalog.products.filter(({ active }) => !active),
  };
}

/** What items cost together, cents. */
export function totalOf(items: readonly Item[]): number {
  return items.reduce((sum, { quantity, unitPriceCents }) => sum + quantity * unitPriceCents, 0);
}

/** 1, 2, … with the given shares. */
function drawCount(shares: readonly number[], random: Random): number {
  let rest = random.next();
  for (let i = 0; i < shares.length; i++) {
    rest -= shares[i]!;
    if (rest < 0) return i + 1;
  }
  return 1;
}

// Reads the whole catalog, in the order of its ids: the first ones are the popular ones.

/** @throws {RetryableError} the database does not answer */
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
      const active = status === "active";
      catalog.products.push({ productId: product_id, active, priceCents: pricesOf(row) });
    }
  }
  return catalog;
}

/**
 * Random numbers that are the same again for the same seed. There is one stream of them for each
 * order, so that an order does not depend on which others were made, nor in which batches.
 */
export interface Random {
  /** Begins the stream of (seed, sequence number). */
  begin(seed: number, sequence: number): void;
  /** From 0 (inclusive) to 1 (exclusive). */
  next(): number;
  /** A whole number from 0 to `bound` - 1. */
  below(bound: number): number;
  /** One of a list that is not empty. */
  pick<T>(list: readonly T[]): T;
}

export function createRandom(): Random {
  let next = mulberry32(0);
  const below = (bound: number) => Math.floor(next() * bound);
  return {
    begin(seed, sequence) {
      // Mixed, or else the streams of neighbours would be the same numbers, shifted.
      next = mulberry32(mix(mix(seed) ^ sequence));
    },
    next: () => next(),
    below,
    pick: (list) => list[below(list.length)]!,
  };
}

// Zipf's law: the thing of rank r is drawn in proportion to 1 / r^exponent.

/**
 * @param count of things, at least 1
 * @param exponent 0 draws all alike; 1 is Zipf's own; the larger, the more the first ones are drawn
 * @returns turns a number from 0 (inclusive) to 1 (exclusive) into an index from 0 to `count` - 1
 */
export function createZipf(count: number, exponent: number): (u: number) => number {
  const upTo = new Float64Array(count);
  let sum = 0;
  for (let i = 0; i < count; i++) upTo[i] = sum += (i + 1) ** -exponent;
  return (u) => {
    const wanted = u * sum;
    let low = 0;
    let high = count - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (upTo[middle]! > wanted) high = middle;
      else low = middle + 1;
    }
    return low;
  };
}
