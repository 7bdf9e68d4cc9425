import { assert, assertEquals } from "@std/assert";
import { decode, encode } from "../../events/codec.ts";
import {
  DEAD_LETTER_REASONS,
  REJECTION_REASONS,
  type RejectionReason,
} from "../../events/reasons.ts";
import {
  MAX_ITEMS,
  MAX_QUANTITY,
  MAX_UNIT_PRICE_CENTS,
  type OrderPlaced,
} from "../../events/schemas.ts";
import { createRandom, createShop, type Draft, totalOf } from "./shop.ts";
import { breakableRules, BROKEN_REASONS, CORRUPT, INVALIDATE } from "./faulty_orders.ts";
import { SMALL_CATALOG } from "./testing/catalog.ts";

const shop = createShop(SMALL_CATALOG, 1);
const customers = new Map(SMALL_CATALOG.customers.map((c) => [c.customerId, c]));
const products = new Map(SMALL_CATALOG.products.map((p) => [p.productId, p]));

/** Whether an order breaks a rule: what the rule says, in words of its own. */
const BREAKS: Record<RejectionReason, (draft: Draft) => boolean> = {
  empty_order: ({ items }) => items.length === 0,
  too_many_items: ({ items }) => items.length > MAX_ITEMS,
  bad_quantity: ({ items }) =>
    items.some(({ quantity: q }) => q < 1 || q > MAX_QUANTITY || !Number.isInteger(q)),
  bad_price: ({ items }) =>
    items.some(({ unitPriceCents: p }) =>
      p < 0 || p > MAX_UNIT_PRICE_CENTS || !Number.isInteger(p)
    ),
  total_mismatch: ({ items, totalCents }) => totalCents !== totalOf(items),
  unknown_customer: ({ customerId }) => !customers.has(customerId),
  blocked_customer: ({ customerId }) => customers.get(customerId)?.active === false,
  unknown_product: ({ items }) => items.some(({ productId }) => !products.has(productId)),
  discontinued_product: ({ items }) =>
    items.some(({ productId }) => products.get(productId)?.active === false),
  unsupported_currency: ({ currency, items }) =>
    items.some(({ productId }) => products.get(productId)?.priceCents.has(currency) === false),
  price_mismatch: ({ currency, items }) =>
    items.some(({ productId, unitPriceCents }) => {
      const product = products.get(productId);
      return product?.active && product.priceCents.has(currency) &&
        product.priceCents.get(currency) !== unitPriceCents;
    }),
};

for (const reason of REJECTION_REASONS) {
  Deno.test(`INVALIDATE: ${reason} breaks that rule and no earlier one, in an order that decodes`, () => {
    const random = createRandom();
    for (let n = 0; n < 200; n++) {
      random.begin(1, n);
      const draft = INVALIDATE[reason](shop.draw(random), random, shop);
      const broken = REJECTION_REASONS.filter((rule) => BREAKS[rule](draft));
      assert(broken.includes(reason), `${reason}: ${JSON.stringify(draft)}`);
      // A price that makes no sense is not the catalog's either.
      const others = broken.filter((rule) => rule !== reason && rule !== "price_mismatch");
      assertEquals(others, []);
      const orderId = "r1-000001";
      const order = {
        type: "OrderPlaced" as const,
        version: 1 as const,
        eventId: `${orderId}/OrderPlaced`,
        orderId,
        occurredAt: "2026-01-02T03:04:05.678Z",
        ...draft,
      };
      assert(decode("orders.raw", new TextEncoder().encode(orderId), encode(order)).ok);
    }
  });
}

Deno.test("breakableRules: leaves out what the catalog has no example of", () => {
  assertEquals(breakableRules(shop).toSorted(), [...REJECTION_REASONS].toSorted());
  const flawless = createShop({
    customers: SMALL_CATALOG.customers.filter(({ active }) => active),
    products: SMALL_CATALOG.products.filter(({ active }) => active),
  }, 1);
  assertEquals(
    REJECTION_REASONS.filter((reason) => !breakableRules(flawless).includes(reason)),
    ["blocked_customer", "discontinued_product"],
  );
});

const order: OrderPlaced = {
  type: "OrderPlaced",
  version: 1,
  eventId: "r1-000001/OrderPlaced",
  orderId: "r1-000001",
  occurredAt: "2026-01-02T03:04:05.678Z",
  customerId: "c-00001",
  currency: "EUR",
  items: [{ productId: "p-0001", quantity: 2, unitPriceCents: 250 }],
  totalCents: 500,
};
const utf8 = new TextEncoder();

for (const reason of BROKEN_REASONS) {
  Deno.test(`BREAK: ${reason} is a fault of that reason, and names its order`, () => {
    const random = createRandom();
    for (let n = 0; n < 200; n++) {
      random.begin(1, n);
      const { key, value } = CORRUPT[reason](order, random);
      const decoded = decode("orders.raw", key === null ? null : utf8.encode(key), value);
      assert(!decoded.ok);
      assertEquals(decoded.fault.reason, reason);
      const named = key ?? JSON.parse(new TextDecoder().decode(value!)).orderId;
      assertEquals(named, order.orderId);
    }
  });
}

Deno.test("BREAK: has every reason that a message can be dead for by itself", () => {
  const others = DEAD_LETTER_REASONS.filter((r) => !(BROKEN_REASONS as string[]).includes(r));
  assertEquals(others, ["duplicate_order", "processing_failed", "unreadable"]);
});
