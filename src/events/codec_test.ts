import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { TOPIC_NAMES, TOPICS } from "../topology.ts";
import Type from "typebox";
import { createDecode, type Decode, decode, type Decoded, encode } from "./codec.ts";
import type { DeadLetterReason, RejectionReason } from "./reasons.ts";
import {
  event,
  eventId,
  MAX_VALUE_BYTES,
  type OrderPlaced,
  type OrderRejected,
  SCHEMAS,
} from "./schemas.ts";
import { readAs } from "./versions.ts";

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

// An event changes over: the reader of a release is told of the other version, and writes the one that
// it wrote before.
const RejectedV2 = event("OrderRejected", {
  reason: Type.String({ pattern: "^[a-z_]+$" }),
  details: Type.Array(Type.String()),
}, 2);

const rejected: OrderRejected = {
  ...{ type: "OrderRejected", version: 1, eventId: "r1-000001/OrderRejected" },
  ...{ orderId: "r1-000001", occurredAt: order.occurredAt, placedAt: order.occurredAt },
  ...{ reason: "empty_order", detail: "no items" },
};
const { detail, ...common } = rejected;
const rejectedV2 = { ...common, version: 2, details: [detail] };

const readsBoth = createDecode({
  OrderRejected: [
    readAs(RejectedV2, ({ details, reason, ...common }) => ({
      ...common,
      version: 1,
      reason: reason as RejectionReason,
      detail: details.join(),
    })),
  ],
});

Deno.test("decode: another version that is read is the event as it is written; no other version is", () => {
  const key = utf8.encode("r1-000001");
  const read = (decode: Decode, value: object) =>
    decode("orders.outcomes", key, utf8.encode(JSON.stringify(value)));
  assertEquals(read(readsBoth, rejected), { ok: true, event: rejected });
  assertEquals(read(readsBoth, rejectedV2), { ok: true, event: rejected });
  const fault = (decoded: Decoded) => decoded.ok ? undefined : decoded.fault;
  assertEquals(fault(read(readsBoth, { ...rejectedV2, version: 3 })), {
    reason: "unknown_version",
    detail: "expected version 1 or 2, found 3",
  });
  for (const wrong of [{ ...rejectedV2, detail }, { ...rejected, version: 2 }]) {
    assertEquals(fault(read(readsBoth, wrong))?.reason, "wrong_shape");
  }
  assertEquals(fault(read(createDecode({}), rejectedV2))?.reason, "unknown_version");
  const { ok } = readsBoth("orders.outcomes", utf8.encode("other"), encode(rejectedV2 as never));
  assertEquals(ok, false);
});
