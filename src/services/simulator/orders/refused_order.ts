/** Orders that are to be refused: each breaks one rule, and is otherwise as good as any. */
import type { RejectionReason } from "../../../events/reasons.ts";
import { MAX_ITEMS, MAX_QUANTITY, MAX_UNIT_PRICE_CENTS } from "../../../events/schemas.ts";
import type { Random } from "./random.ts";
import { type Draft, type Item, type Shop, totalOf } from "./shop.ts";

/** ISO 4217's code for tests: nothing is ever sold in it. */
const TEST_CURRENCY = "XTS";

/** Makes a good order break the rule. */
type Spoil = (draft: Draft, random: Random, shop: Shop) => Draft;

export const SPOIL: Record<RejectionReason, Spoil> = {
  empty_order: (draft) => withItems(draft, []),
  too_many_items: (draft) =>
    withItems(draft, Array.from({ length: MAX_ITEMS + 1 }, () => draft.items[0]!)),
  bad_quantity: (draft, random) =>
    withFirst(draft, { quantity: random.pick([0, -1, 0.5, MAX_QUANTITY + 1]) }),
  bad_price: (draft, random) =>
    withFirst(draft, { unitPriceCents: random.pick([-1, 0.5, MAX_UNIT_PRICE_CENTS + 1]) }),
  total_mismatch: (draft, random) => ({
    ...draft,
    totalCents: draft.totalCents + 1 + random.below(100),
  }),
  unknown_customer: (draft, random) => ({
    ...draft,
    customerId: `stranger-${random.below(10_000)}`,
  }),
  blocked_customer: (draft, random, { blockedCustomers }) => ({
    ...draft,
    customerId: random.pick(blockedCustomers).customerId,
  }),
  unknown_product: (draft, random) =>
    withFirst(draft, { productId: `nothing-${random.below(10_000)}` }),
  discontinued_product: (draft, random, { discontinuedProducts }) =>
    withFirst(draft, { productId: random.pick(discontinuedProducts).productId }),
  unsupported_currency: (draft) => ({ ...draft, currency: TEST_CURRENCY }),
  price_mismatch: (draft) => {
    const { unitPriceCents } = draft.items[0]!;
    return withFirst(draft, { unitPriceCents: unitPriceCents > 0 ? unitPriceCents - 1 : 1 });
  },
};

/** The rules that an order from this shop can break. */
export function breakableRules(shop: Shop): RejectionReason[] {
  return (Object.keys(SPOIL) as RejectionReason[]).filter((reason) => {
    if (reason === "blocked_customer") return shop.blockedCustomers.length > 0;
    if (reason === "discontinued_product") return shop.discontinuedProducts.length > 0;
    return true;
  });
}

function withItems(draft: Draft, items: Item[]): Draft {
  return { ...draft, items, totalCents: totalOf(items) };
}

/** The order with its first item changed, and a total that adds up. */
function withFirst(draft: Draft, change: Partial<Item>): Draft {
  const [first, ...others] = draft.items;
  return withItems(draft, [{ ...first!, ...change }, ...others]);
}
