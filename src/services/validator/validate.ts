/**
 * Decides about one order: input an OrderPlaced and what the catalog knows of its customer and
 * products, output an OrderValidated or an OrderRejected with the first rule that it breaks. Pure.
 *
 * Rules are asked in the order of what they need: first the order by itself, then the customer, then
 * the products.
 */
import type { RejectionReason } from "../../events/reasons.ts";
import {
  eventId,
  MAX_ITEMS,
  MAX_QUANTITY,
  MAX_UNIT_PRICE_CENTS,
  type OrderPlaced,
  type OrderRejected,
  type OrderValidated,
} from "../../events/schemas.ts";

export interface Customer {
  readonly customerId: string;
  readonly name: string;
  readonly country: string;
  readonly tier: "standard" | "gold";
  readonly blocked: boolean;
}

export interface Product {
  readonly productId: string;
  readonly discontinued: boolean;
  /** By currency code. */
  readonly priceCents: ReadonlyMap<string, number>;
}

/** What the catalog knows; undefined where it knows nothing. */
export interface CatalogView {
  customer(customerId: string): Customer | undefined;
  product(productId: string): Product | undefined;
}

/** Which rule an order breaks. `detail` is one line for people. */
interface Refusal {
  readonly reason: RejectionReason;
  readonly detail: string;
}

/**
 * @param now when the decision is made, epoch milliseconds
 * @param readAt when the order was read, epoch milliseconds
 */
export function validate(
  order: OrderPlaced,
  catalog: CatalogView,
  now: number,
  readAt: number,
): OrderValidated | OrderRejected {
  const common = {
    version: 1 as const,
    orderId: order.orderId,
    occurredAt: new Date(now).toISOString(),
    placedAt: order.occurredAt,
  };
  const customer = catalog.customer(order.customerId);
  const refusal = refusalOfOrder(order) ?? refusalOfCustomer(order, customer) ??
    refusalOfProducts(order, catalog);
  if (refusal || !customer) {
    return {
      type: "OrderRejected",
      ...common,
      eventId: eventId(order.orderId, "OrderRejected"),
      ...(refusal ?? unknownCustomer(order)),
    };
  }
  return {
    type: "OrderValidated",
    ...common,
    eventId: eventId(order.orderId, "OrderValidated"),
    status: "PENDING",
    processingMs: Math.max(0, now - readAt),
    customer: {
      customerId: customer.customerId,
      name: customer.name,
      country: customer.country,
      tier: customer.tier,
    },
    currency: order.currency,
    items: order.items,
    totalCents: order.totalCents,
  };
}

/** What is wrong with the order by itself: sizes, quantities, prices, and a total that adds up. */
export function refusalOfOrder({ items, totalCents }: OrderPlaced): Refusal | undefined {
  if (items.length === 0) return { reason: "empty_order", detail: "the order has no items" };
  if (items.length > MAX_ITEMS) {
    return { reason: "too_many_items", detail: `${items.length} items, at most ${MAX_ITEMS}` };
  }
  let total = 0;
  for (const { productId, quantity, unitPriceCents } of items) {
    if (!Number.isInteger(quantity) || quantity < 1 || quantity > MAX_QUANTITY) {
      const detail = `${quantity} of ${quote(productId)}: expected 1 to ` +
        `${MAX_QUANTITY} whole pieces`;
      return { reason: "bad_quantity", detail };
    }
    const badPrice = !Number.isInteger(unitPriceCents) || unitPriceCents < 0 ||
      unitPriceCents > MAX_UNIT_PRICE_CENTS;
    if (badPrice) {
      const detail = `${unitPriceCents} cents for ${quote(productId)}: expected 0 to ` +
        `${MAX_UNIT_PRICE_CENTS} whole cents`;
      return { reason: "bad_price", detail };
    }
    // At most 100 × 1,000 × 10⁸ = 10¹³ cents: exact in a double.
    total += quantity * unitPriceCents;
  }
  if (total !== totalCents) {
    return {
      reason: "total_mismatch",
      detail: `the items add up to ${total}, not ${totalCents} cents`,
    };
  }
  return undefined;
}

function refusalOfCustomer(
  order: OrderPlaced,
  customer: Customer | undefined,
): Refusal | undefined {
  if (!customer) return unknownCustomer(order);
  if (customer.blocked) {
    return { reason: "blocked_customer", detail: `customer ${customer.customerId} is blocked` };
  }
  return undefined;
}

function unknownCustomer({ customerId }: OrderPlaced): Refusal {
  return { reason: "unknown_customer", detail: `no customer ${quote(customerId)}` };
}

function refusalOfProducts(
  { items, currency }: OrderPlaced,
  catalog: CatalogView,
): Refusal | undefined {
  for (const { productId, unitPriceCents } of items) {
    const product = catalog.product(productId);
    if (!product) return { reason: "unknown_product", detail: `no product ${quote(productId)}` };
    if (product.discontinued) {
      return { reason: "discontinued_product", detail: `product ${productId} is no longer sold` };
    }
    const price = product.priceCents.get(currency);
    if (price === undefined) {
      const detail = `product ${productId} is not sold in ${quote(currency)}`;
      return { reason: "unsupported_currency", detail };
    }
    if (price !== unitPriceCents) {
      const detail = `product ${productId} costs ${price} ${currency} cents, not ${unitPriceCents}`;
      return { reason: "price_mismatch", detail };
    }
  }
  return undefined;
}

/** What came from outside, made safe for a line of text. */
function quote(text: string): string {
  return JSON.stringify(text);
}
