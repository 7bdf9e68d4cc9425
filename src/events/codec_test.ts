import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { TOPIC_NAMES, TOPICS } from "../topology.ts";
import { decode, encode } from "./codec.ts";
import type { DeadLetterReason } from "./reasons.ts";
import { eventId, MAX_VALUE_BYTES, type OrderPlaced, SCHEMAS } from "./schemas.ts";

const utf8 = new TextEncoder();

const order: OrderPlaced = {
  type: "OrderPlaced",
  version: 1,
  eventId: eventId("r1-000001", "OrderPlaced"),
  orderId: "r1-000001",
  occurredAt: "2026-01-02T03:04:05.678Z",
  customerId: "c-00001",
  currency: "EUR",
  items: [{ productId: "p-0001", quantity: 2, unitPriceCents: 250 }],
  totalCents: 500,
};

/** The order as JSON with one thing changed. */
function changed(change: Record<string, unknown>): Uint8Array {
  return utf8.encode(JSON.stringify({ ...order, ...change }));
}

Deno.test("decode: an encoded event comes back as it was", () => {
  assertEquals(decode("orders.raw", utf8.encode(order.orderId), encode(order)), {
    ok: true,
    event: order,
  });
});

Deno.test("decode: a byte order mark is skipped, and U+FFFD in a text is a character like others", () => {
  const event = { ...order, customerId: "c-\uFFFD" };
  const bytes = Uint8Array.of(0xef, 0xbb, 0xbf, ...encode(event));
  assertEquals(decode("orders.raw", utf8.encode(order.orderId), bytes), { ok: true, event });
});

const manyItems = Array.from({ length: 10_000 }, () => order.items[0]);

const faults: [string, Uint8Array | null, Uint8Array | null, DeadLetterReason][] = [
  ["no value", utf8.encode("r1-000001"), null, "empty_value"],
  ["an empty value", utf8.encode("r1-000001"), new Uint8Array(), "empty_value"],
  ["900 KB", utf8.encode("r1-000001"), changed({ customerId: "x".repeat(900_000) }), "too_large"],
  ["10,000 items", utf8.encode("r1-000001"), changed({ items: manyItems }), "too_large"],
  [
    "invalid UTF-8",
    utf8.encode("r1-000001"),
    Uint8Array.of(0x7b, 0xff, 0xfe, 0x7d),
    "invalid_utf8",
  ],
  ["no JSON", utf8.encode("r1-000001"), utf8.encode('{"type":"OrderPlaced"'), "invalid_json"],
  [
    "JSON with control characters",
    utf8.encode("r1-000001"),
    utf8.encode('{"a"\n\u001b[2J}'),
    "invalid_json",
  ],
  ["a list", utf8.encode("r1-000001"), utf8.encode("[]"), "wrong_shape"],
  ["a null", utf8.encode("r1-000001"), utf8.encode("null"), "wrong_shape"],
  ["a number", utf8.encode("r1-000001"), utf8.encode("17"), "wrong_shape"],
  [
    "another topic's event",
    utf8.encode("r1-000001"),
    changed({ type: "OrderConfirmed" }),
    "unknown_type",
  ],
  ["an unknown type", utf8.encode("r1-000001"), changed({ type: "toString" }), "unknown_type"],
  ["no type", utf8.encode("r1-000001"), changed({ type: undefined }), "unknown_type"],
  ["another version", utf8.encode("r1-000001"), changed({ version: 2 }), "unknown_version"],
  ["no orderId", utf8.encode("r1-000001"), changed({ orderId: undefined }), "wrong_shape"],
  ["an orderId with a NUL", utf8.encode("r1-000001"), changed({ orderId: "a\0b" }), "wrong_shape"],
  ["items as text", utf8.encode("r1-000001"), changed({ items: "all" }), "wrong_shape"],
  [
    "a quantity as text",
    utf8.encode("r1-000001"),
    changed({
      items: [{ ...order.items[0], quantity: "2" }],
    }),
    "wrong_shape",
  ],
  ["an unknown field", utf8.encode("r1-000001"), changed({ discount: 1 }), "wrong_shape"],
  [
    "a __proto__ field",
    utf8.encode("r1-000001"),
    utf8.encode(JSON.stringify(order).replace("{", '{"__proto__":{"totalCents":0},')),
    "wrong_shape",
  ],
  [
    "a time without zone",
    utf8.encode("r1-000001"),
    changed({ occurredAt: "2026-01-02" }),
    "wrong_shape",
  ],
  [
    "a time that there is not",
    utf8.encode("r1-000001"),
    changed({ occurredAt: "2026-13-02T03:04:05.678Z" }),
    "wrong_shape",
  ],
  ["no key", null, encode(order), "missing_key"],
  ["an empty key", new Uint8Array(), encode(order), "missing_key"],
  ["another key", utf8.encode("r1-000002"), encode(order), "key_mismatch"],
  ["a key that is not text", Uint8Array.of(0xff, 0xfe), encode(order), "key_mismatch"],
];

for (const [what, key, value, reason] of faults) {
  Deno.test(`decode: ${what} is a fault, ${reason}`, () => {
    const decoded = decode("orders.raw", key, value);
    assert(!decoded.ok);
    assertEquals(decoded.fault.reason, reason);
    assert(decoded.fault.detail.length > 0 && decoded.fault.detail.length < 300);
    assert(!/\p{Cc}/u.test(decoded.fault.detail), "a detail is one line, safe for a terminal");
  });
}

Deno.test("decode: numbers that make no sense are left for the validator to refuse", () => {
  for (const quantity of [-1, 0, 0.5, 1e300]) {
    const value = changed({ items: [{ ...order.items[0], quantity }] });
    assert(decode("orders.raw", utf8.encode(order.orderId), value).ok);
  }
});

Deno.test("decode: never throws, whatever the bytes", () => {
  fc.assert(fc.property(
    fc.constantFrom(...TOPIC_NAMES),
    fc.option(fc.uint8Array({ maxLength: 80 })),
    fc.option(fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc.json().map((json) => utf8.encode(json)),
      fc.record({ type: fc.constantFrom(...Object.keys(SCHEMAS)), version: fc.constant(1) })
        .map((event) => utf8.encode(JSON.stringify(event))),
    )),
    (topic, key, value) => {
      assert(!decode(topic, key, value).ok);
    },
  ));
});

Deno.test("decode: says how large a value is that is too large", () => {
  const decoded = decode("orders.raw", null, new Uint8Array(MAX_VALUE_BYTES + 1));
  assert(!decoded.ok);
  assertStringIncludes(decoded.fault.detail, String(MAX_VALUE_BYTES + 1));
});

Deno.test("TOPICS: every event has one topic and one schema", () => {
  const events = TOPIC_NAMES.flatMap((topic): readonly string[] => TOPICS[topic].events);
  assertEquals(events.toSorted(), Object.keys(SCHEMAS).toSorted());
});
