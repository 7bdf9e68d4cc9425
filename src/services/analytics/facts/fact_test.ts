import { assert, assertEquals, assertNotEquals } from "@std/assert";
import fc from "fast-check";
import { decode, encode } from "../../../events/codec.ts";
import { type OrderEvent, SCHEMAS } from "../../../events/schemas.ts";
import { type EventType, topicOf } from "../../../topology.ts";
import { eventsOf, order, sampleOrders, SCENARIOS } from "../testing/orders.ts";
import { decodeFact, factOf, scanFact } from "./fact.ts";
import type { Schema } from "./json_scanner.ts";

const utf8 = new TextEncoder();

/** What analytics would find if it decoded every event. */
function decodedFact(...message: Parameters<typeof decode>): ReturnType<typeof decodeFact> {
  const decoded = decode(...message);
  return decoded.ok ? { ok: true, event: factOf(decoded.event) } : decoded;
}

/** Some texts of each pattern, and some that are nearly so: to make them anew each time is slow. */
function textsLike(pattern: string): fc.Arbitrary<string> {
  const like = texts.get(pattern) ?? fc.sample(fc.stringMatching(new RegExp(pattern)), 100);
  texts.set(pattern, like);
  const near = fc.record({
    text: fc.constantFrom(...like),
    at: fc.nat(24),
    added: fc.constantFrom("", "0", "3", "9", "a"),
  })
    .map(({ text, at, added }) => text.slice(0, at) + added + text.slice(at + 1));
  return fc.oneof({ weight: 30, arbitrary: fc.constantFrom(...like) }, near);
}

const texts = new Map<string, string[]>();

/** Mostly values that a schema allows and JSON writes without escapes; fields in any order. */
function valuesOf(schema: Schema): fc.Arbitrary<unknown> {
  const { minimum = 0, maximum = 1_000, minLength = 0, maxLength = 64 } = schema;
  const mostly = (usual: fc.Arbitrary<unknown>, ...others: fc.Arbitrary<unknown>[]) =>
    fc.oneof({ weight: 30, arbitrary: usual }, ...others);
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.enum) return fc.constantFrom(...schema.enum);
  if (schema.pattern) return textsLike(schema.pattern);
  if (schema.type === "string") {
    return mostly(
      fc.constantFrom("some text", "x".repeat(minLength), "x".repeat(maxLength)),
      fc.string({ maxLength: maxLength + 1, unit: "grapheme" }),
      fc.constantFrom("", '"', "\\", "\x7f", "x".repeat(maxLength + 1)),
    );
  }
  if (schema.type === "integer") {
    return mostly(
      fc.integer({ min: minimum, max: Math.min(maximum, 1_000_000) }),
      fc.constantFrom(minimum - 1, minimum, maximum, maximum + 1, -5, 0.5, 1e14, 1e15, 1e16, 1e21),
    );
  }
  if (schema.type === "number") {
    return mostly(fc.integer({ min: 0, max: 100 }), fc.double(), fc.constantFrom(0.5, -1, 1e-7));
  }
  if (schema.items) return fc.array(valuesOf(schema.items), { minLength: 1, maxLength: 3 });
  const properties = Object.entries(schema.properties!);
  return fc.shuffledSubarray(properties, { minLength: properties.length })
    .chain((entries) =>
      fc.tuple(...entries.map(([name, of]) => fc.tuple(fc.constant(name), valuesOf(of))))
    )
    .map((entries) => Object.fromEntries(entries));
}

const types = Object.keys(SCHEMAS) as EventType[];

const message = fc.constantFrom(...types).chain((type) =>
  valuesOf(SCHEMAS[type] as Schema).map((event) => ({
    topic: topicOf(type),
    key: utf8.encode((event as OrderEvent).orderId),
    value: encode(event as OrderEvent),
  }))
);

Deno.test("decodeFact: the same as of a whole event, whatever the schema allows", () => {
  let scanned = 0;
  fc.assert(
    fc.property(message, ({ topic, key, value }) => {
      if (scanFact(topic, key, value)) scanned++;
      assertEquals(decodeFact(topic, key, value), decodedFact(topic, key, value));
    }),
    { numRuns: 2_000 },
  );
  assert(scanned > 500, `only ${scanned} were read from their bytes`);
});

const bytesOfJson = fc.constantFrom(...utf8.encode('"\\{}[]:,.-+0123456789eZT \n\t\x7f\x80'));

/** Of a message: bytes in place of others. */
const change = fc.record({
  of: fc.constantFrom("key", "value"),
  at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  removed: fc.nat(3),
  added: fc.array(fc.oneof(bytesOfJson, fc.nat(255)), { maxLength: 3 }),
});

function changed(
  bytes: Uint8Array,
  { at, removed, added }: { at: number; removed: number; added: number[] },
) {
  const list = [...bytes];
  list.splice(Math.floor(at * bytes.length), removed, ...added);
  return Uint8Array.from(list);
}

Deno.test("decodeFact: the same as of a whole event after any change of its bytes", () => {
  const events = SCENARIOS.flatMap((scenario) => eventsOf(order({ scenario })));
  fc.assert(
    fc.property(fc.constantFrom(...events), change, (event, { of, ...how }) => {
      const topic = topicOf(event.type);
      const message = { key: utf8.encode(event.orderId), value: encode(event) };
      const key = of === "key" ? changed(message.key, how) : message.key;
      const value = of === "value" ? changed(message.value, how) : message.value;
      assertEquals(decodeFact(topic, key, value), decodedFact(topic, key, value));
    }),
    { numRuns: 5_000 },
  );
});

/** In the text of an OrderValidated. */
const EDITS: readonly [what: string, from: string | RegExp, to: string][] = [
  ...["2026-00-10", "2026-13-10", "2026-01-00", "2026-01-32", "2026-02-31", "0000-01-01"]
    .map((date): [string, RegExp, string] => [`the date ${date}`, /2026-01-02/g, date]),
  ...["24:00:00.000", "12:60:00.000", "12:00:60.000", "12:00:00:000", "23:59:59.999"]
    .map((time): [string, RegExp, string] => [`the time ${time}`, /12:00:00\.\d{3}/g, time]),
  ["a leading zero", '"totalCents":', '"totalCents":0'],
  ["a number of 16 digits", '"totalCents":1000', '"totalCents":1234567890123456'],
  ["a number of 17 digits", '"totalCents":1000', '"totalCents":12345678901234567'],
  ["no number", '"totalCents":1000', '"totalCents":'],
  ["no number but a sign", '"totalCents":1000', '"totalCents":-'],
  ["minus zero", '"totalCents":1000', '"totalCents":-0'],
  ["a decimal", '"totalCents":1000', '"totalCents":1000.0'],
  ["an exponent", '"totalCents":1000', '"totalCents":1e3'],
  ["no decimals behind a point", '"processingMs":1', '"processingMs":1.'],
  ["decimals", '"processingMs":1', '"processingMs":1.25'],
  ["a field twice", '"status":"PENDING"', '"status":"PENDING","status":"PENDING"'],
  ["a field in place of another", '"totalCents":1000', '"status":"PENDING"'],
  ["a field of no schema", '"status"', '"state":1,"status"'],
  ["no items", /"items":\[.*\]/, '"items":[]'],
  ["100 items", /"items":\[(.*)\]/, `"items":[${Array(100).fill("$1").join()}]`],
  ["101 items", /"items":\[(.*)\]/, `"items":[${Array(101).fill("$1").join()}]`],
  ["an escaped character", "A Name", "A\\u0020Name"],
  ["an escape that JSON does not have", "A Name", "A\\Name"],
  ["a control character", "A Name", "A\tName"],
  ["what is no ASCII", "A Name", "Ä Name"],
  ["a space between fields", ',"currency"', ', "currency"'],
  ["a space behind it", /$/, " "],
  ["a comma behind the last field", /}$/, ",}"],
];

for (const [what, from, to] of EDITS) {
  Deno.test(`decodeFact: the same as of a whole event with ${what}`, () => {
    const [event] = eventsOf(order({}));
    const key = utf8.encode(event!.orderId);
    const text = JSON.stringify(event);
    const edited = text.replace(from, to);
    assertNotEquals(edited, text);
    const value = utf8.encode(edited);
    const found = decodeFact("orders.validated", key, value);
    assertEquals(found, decodedFact("orders.validated", key, value));
  });
}

Deno.test("decodeFact: a key that goes on as the event does behind its orderId", () => {
  const [event] = eventsOf(order({}));
  const value = encode(event!);
  const key = utf8.encode(`${event!.orderId}","occurredAt":`);
  const found = decodeFact("orders.validated", key, value);
  assertEquals(found, decodedFact("orders.validated", key, value));
  assertEquals(found.ok, false);
});

Deno.test("scanFact: reads what the services write, in whatever order its fields are", () => {
  for (
    const event of sampleOrders(20, Date.parse("2026-02-28T23:59:58.000Z"), 300).flatMap(eventsOf)
  ) {
    const { type, ...others } = event;
    const reversed = Object.fromEntries(Object.entries(others).toReversed());
    for (const written of [event, { type, ...reversed }, { ...reversed, type }]) {
      const bytes = encode(written as OrderEvent);
      assertEquals(scanFact(topicOf(type), utf8.encode(event.orderId), bytes), factOf(event));
    }
  }
});
