/** Orders that are to be refused: each breaks one rule, and is otherwise as good as any. */
import type { DeadLetterReason, RejectionReason } from "../../events/reasons.ts";
import {
  MAX_ITEMS,
  MAX_QUANTITY,
  MAX_UNIT_PRICE_CENTS,
  MAX_VALUE_BYTES,
  type OrderPlaced,
} from "../../events/schemas.ts";
import { type Draft, type Item, type Random, type Shop, totalOf } from "./shop.ts";

/** ISO 4217's code for tests: nothing is ever sold in it. */
const TEST_CURRENCY = "XTS";

/** Makes a good order break the rule. */
type Mutation = (draft: Draft, random: Random, shop: Shop) => Draft;

export const INVALIDATE: Record<RejectionReason, Mutation> = {
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
  return (Object.keys(INVALIDATE) as RejectionReason[]).filter((reason) => {
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

// Messages that are no orders: each is broken in one way, which its dead letter will name.
//
// Whatever is wrong with it, a message names its order, so that the audit can account for it: its key
// is the orderId, or, where the key is what is missing, the value is a whole order.

/** What a message can be dead for by itself. */
type BrokenReason = Exclude<
  DeadLetterReason,
  "duplicate_order" | "processing_failed" | "unreadable"
>;

interface KeyAndValue {
  readonly key: string | null;
  readonly value: Uint8Array | null;
}

const utf8 = new TextEncoder();

/** Makes a message of an order that is broken in this way. */
export const CORRUPT: Record<BrokenReason, (order: OrderPlaced, random: Random) => KeyAndValue> = {
  empty_value: ({ orderId }, random) => ({
    key: orderId,
    value: random.below(2) === 0 ? null : new Uint8Array(),
  }),
  too_large: (order) => message(order, { customerId: "x".repeat(MAX_VALUE_BYTES) }),
  invalid_utf8: (order) => {
    const value = toBytes(order);
    // A byte that no UTF-8 text has, in the middle of the order.
    value[value.length >> 1] = 0xff;
    return { key: order.orderId, value };
  },
  invalid_json: (order, random) => {
    const value = toBytes(order);
    return { key: order.orderId, value: value.subarray(0, 1 + random.below(value.length - 1)) };
  },
  unknown_type: (order) => message(order, { type: "OrderWished" }),
  unknown_version: (order) => message(order, { version: 2 }),
  wrong_shape: (order, random) =>
    message(
      order,
      random.pick([{ items: "all" }, { totalCents: "free" }, { customerId: null }, { coupon: 1 }]),
    ),
  missing_key: (order) => ({ key: null, value: toBytes(order) }),
  key_mismatch: (order) => message(order, { orderId: `other.than.${order.orderId}` }),
};

export const BROKEN_REASONS = Object.keys(CORRUPT) as BrokenReason[];

/** The order with something changed, under its own key. */
function message(order: OrderPlaced, change: Record<string, unknown>): KeyAndValue {
  return { key: order.orderId, value: toBytes({ ...order, ...change }) };
}

function toBytes(value: object): Uint8Array {
  return utf8.encode(JSON.stringify(value));
}
