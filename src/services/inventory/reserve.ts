/**
 * Decides about stock, for a batch of orders at once: input the orders and the pieces on hand, output
 * a decision an order and what is left. Pure.
 *
 * An order gets all of its items or none; orders are served in their order, each sees what the ones
 * before it took; nothing goes below zero. Changes are sorted by product, so that an order's lines
 * may come in any order and the decision is the same, to the letter.
 */
import type { InventoryUpdated } from "../../events/schemas.ts";
import type { StockRefusalReason } from "../../events/reasons.ts";

/** What became of the stock of one product, pieces. */
export type Change = InventoryUpdated["changes"][number];

/** Pieces on hand, by product; a product that is not in it has none. */
export type Stock = ReadonlyMap<string, number>;

export interface Demand {
  /** Several lines of one product are added up. Quantities are positive whole pieces. */
  readonly items: readonly { readonly productId: string; readonly quantity: number }[];
}

export type Decision =
  | { readonly state: "reserved"; readonly changes: Change[] }
  | {
    readonly state: "rejected";
    readonly reason: StockRefusalReason;
    /** For people: the first product that is short, in the order of ids. */
    readonly detail: string;
  };

/**
 * Reserves stock.
 *
 * @returns `decisions`: one an order, in the same order; `left`: pieces on hand afterwards of every
 * product that changed
 */
export function reserve(
  orders: readonly Demand[],
  stock: Stock,
): { decisions: Decision[]; left: Map<string, number> } {
  const left = new Map<string, number>();
  const decisions = orders.map(({ items }): Decision => {
    const changes: Change[] = [];
    for (const { productId, quantity: wanted } of totals(items)) {
      const onHand = left.get(productId) ?? stock.get(productId) ?? 0;
      if (onHand < wanted) {
        return {
          state: "rejected",
          reason: "out_of_stock",
          detail: `${productId}: ${wanted} wanted, ${onHand} left`,
        };
      }
      changes.push({ productId, delta: -wanted, remaining: onHand - wanted });
    }
    for (const { productId, remaining } of changes) left.set(productId, remaining);
    return { state: "reserved", changes };
  });
  return { decisions, left };
}

/**
 * Gives back what was reserved.
 *
 * @param reserved the changes of each reservation, as `reserve` decided them
 * @returns `released`: the changes that undo them, in the same order; `left` as in `reserve`
 */
export function release(
  reserved: readonly (readonly Change[])[],
  stock: Stock,
): { released: Change[][]; left: Map<string, number> } {
  const left = new Map<string, number>();
  const released = reserved.map((changes) =>
    changes.map(({ productId, delta }) => {
      const remaining = (left.get(productId) ?? stock.get(productId) ?? 0) - delta;
      left.set(productId, remaining);
      return { productId, delta: -delta, remaining };
    })
  );
  return { released, left };
}

/** Pieces wanted of each product, sorted by product. */
function totals(items: Demand["items"]): Demand["items"] {
  const totals: { productId: string; quantity: number }[] = [];
  for (const { productId, quantity } of items.toSorted(byProduct)) {
    const last = totals.at(-1);
    if (last?.productId === productId) last.quantity += quantity;
    else totals.push({ productId, quantity });
  }
  return totals;
}

function byProduct(
  { productId: a }: { productId: string },
  { productId: b }: { productId: string },
) {
  return a < b ? -1 : a > b ? 1 : 0;
}
