import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { decode, encode } from "../../events/codec.ts";
import {
  MAX_ITEMS,
  MAX_QUANTITY,
  MAX_UNIT_PRICE_CENTS,
  type OrderPlaced,
} from "../../events/schemas.ts";
import { placed } from "../testing/orders.ts";
import { type CatalogView, refusalOfOrder, validate } from "./validate.ts";

const catalog: CatalogView = {
  customer: (id) =>
    id === "c-1" || id === "c-blocked"
      ? { customerId: id, name: "Customer 1", country: "DE", tier: "gold", blocked: id !== "c-1" }
      : undefined,
  product: (id) =>
    id === "p-1" || id === "p-gone"
      ? { productId: id, discontinued: id !== "p-1", priceCents: new Map([["EUR", 250]]) }
      : undefined,
};

const good = placed("r1-000001");
const item = good.items[0]!;
const now = Date.parse("2026-01-02T03:04:06.500Z");

Deno.test("validate: a good order is validated and enriched", () => {
  const event = validate(good, catalog, now, now - 20);
  assert(event.type === "OrderValidated");
  assertEquals(event.status, "PENDING");
  assertEquals(event.processingMs, 20);
  assertEquals(event.placedAt, good.occurredAt);
  assertEquals(event.customer, {
    customerId: "c-1",
    name: "Customer 1",
    country: "DE",
    tier: "gold",
  });
});

const refusals: [string, Partial<OrderPlaced>, string][] = [
  ["no items", { items: [], totalCents: 0 }, "empty_order"],
  ["too many items", { items: Array(MAX_ITEMS + 1).fill(item) }, "too_many_items"],
  ["a negative quantity", { items: [{ ...item, quantity: -1 }] }, "bad_quantity"],
  ["no quantity", { items: [{ ...item, quantity: 0 }] }, "bad_quantity"],
  ["half a piece", { items: [{ ...item, quantity: 0.5 }] }, "bad_quantity"],
  ["a huge quantity", { items: [{ ...item, quantity: MAX_QUANTITY + 1 }] }, "bad_quantity"],
  ["a quantity beyond integers", { items: [{ ...item, quantity: 1e300 }] }, "bad_quantity"],
  ["a negative price", { items: [{ ...item, unitPriceCents: -250 }] }, "bad_price"],
  ["a fractional price", { items: [{ ...item, unitPriceCents: 2.5 }] }, "bad_price"],
  ["a huge price", { items: [{ ...item, unitPriceCents: 1e15 }] }, "bad_price"],
  ["a total that does not add up", { totalCents: 499 }, "total_mismatch"],
  ["a total that overflows", { totalCents: Number.MAX_VALUE }, "total_mismatch"],
  ["an unknown customer", { customerId: "c-2" }, "unknown_customer"],
  ["a customer named like a property", { customerId: "__proto__" }, "unknown_customer"],
  ["a blocked customer", { customerId: "c-blocked" }, "blocked_customer"],
  ["an unknown product", { items: [{ ...item, productId: "p-2" }] }, "unknown_product"],
  [
    "a product named like a property",
    { items: [{ ...item, productId: "__proto__" }] },
    "unknown_product",
  ],
  ["a discontinued product", { items: [{ ...item, productId: "p-gone" }] }, "discontinued_product"],
  ["a currency it is not sold in", { currency: "XXX" }, "unsupported_currency"],
  ["an old price", {
    items: [{ ...item, unitPriceCents: 200 }],
    totalCents: 400,
  }, "price_mismatch"],
];

for (const [what, change, reason] of refusals) {
  Deno.test(`validate: ${what} is refused, ${reason}`, () => {
    const event = validate({ ...good, ...change }, catalog, now, now);
    assert(event.type === "OrderRejected");
    assertEquals(event.reason, reason as typeof event.reason);
    assert(event.detail.length > 0);
  });
}

Deno.test("validate: quotes what came from outside", () => {
  const event = validate({ ...good, customerId: 'x"\n\u001b[2J' }, catalog, now, now);
  assert(event.type === "OrderRejected");
  assertStringIncludes(event.detail, "\\n");
});

Deno.test("refusalOfOrder: passes exactly the orders whose numbers make sense", () => {
  const amount = fc.oneof(fc.integer({ min: -5, max: MAX_QUANTITY + 5 }), fc.double());
  const items = fc.array(
    fc.record({ productId: fc.constant("p-1"), quantity: amount, unitPriceCents: amount }),
    { maxLength: 4 },
  );
  fc.assert(fc.property(items, fc.boolean(), (items, addsUp) => {
    const total = items.reduce((sum, i) => sum + i.quantity * i.unitPriceCents, 0);
    const sound = items.length > 0 && addsUp &&
      items.every(({ quantity, unitPriceCents }) =>
        Number.isInteger(quantity) && quantity >= 1 && quantity <= MAX_QUANTITY &&
        Number.isInteger(unitPriceCents) && unitPriceCents >= 0 &&
        unitPriceCents <= MAX_UNIT_PRICE_CENTS
      );
    const totalCents = addsUp ? total : total + 1;
    assertEquals(refusalOfOrder({ ...good, items, totalCents }) === undefined, sound);
  }));
});

Deno.test("validate: whatever decodes ends in an event that decodes", () => {
  const value = fc.oneof(
    fc.constantFrom("c-1", "p-1", "EUR", "p-gone"),
    fc.string({ maxLength: 8 }),
  );
  const orders = fc.record({
    customerId: value,
    currency: value,
    items: fc.array(
      fc.record({ productId: value, quantity: fc.nat(3), unitPriceCents: fc.constantFrom(250, 1) }),
      { maxLength: 3 },
    ),
    totalCents: fc.constantFrom(250, 500, 750, 1_000),
  });
  const key = new TextEncoder().encode(good.orderId);
  fc.assert(fc.property(orders, (change) => {
    const placed = { ...good, ...change };
    assert(decode("orders.raw", key, encode(placed)).ok);
    const event = validate(placed, catalog, now, now);
    const topic = event.type === "OrderValidated" ? "orders.validated" : "orders.outcomes";
    assertEquals(decode(topic, key, encode(event)), { ok: true, event });
  }));
});
