import { assert, assertEquals } from "@std/assert";
import { decode } from "../../events/codec.ts";
import { DEAD_LETTER_REASONS } from "../../events/reasons.ts";
import type { OrderPlaced } from "../../events/schemas.ts";
import { BROKEN_REASONS, CORRUPT } from "./faulty_orders.ts";
import { createRandom } from "./random.ts";

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
