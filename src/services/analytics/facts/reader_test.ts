import { assert, assertEquals, assertNotEquals } from "@std/assert";
import fc from "fast-check";
import { decode, encode } from "../../../events/codec.ts";
import { type OrderEvent, SCHEMAS } from "../../../events/schemas.ts";
import { type EventType, topicOf } from "../../../topology.ts";
import { decodeBatches } from "../../../kafka/protocol/decode.ts";
import { encodeRecordBatch } from "../../../kafka/protocol/encode.ts";
import { eventsOf, NOON_MS, order, sampleOrders, SCENARIOS } from "../testing/orders.ts";
import { type Fact, factOf } from "./fact.ts";
import type { Schema } from "./pattern.ts";
import { FactReader } from "./reader.ts";

const utf8 = new TextEncoder();

type Message = Parameters<typeof decode>;

/** What analytics would find if it decoded every event. */
function decodedFact(...message: Message) {
  const decoded = decode(...message);
  return decoded.ok ? { ok: true, event: factOf(decoded.event) } : decoded;
}

const reader = new FactReader();

function decodeFact(...[topic, key, value]: Message) {
  const decoded = reader.decode(topic, { key, value });
  return decoded.ok ? { ok: true, event: plain(decoded.event) } : decoded;
}

function scanFact(...[topic, key, value]: Message): Fact | undefined {
  const fact = reader.scan(topic, { key, value });
  return fact && plain(fact);
}

/** Some of its properties are getters. */
function plain(fact: Fact): Fact {
  const { type, orderId, occurredAtMs, placedAtMs, currency, totalCents, reason, action } = fact;
  return { type, orderId, occurredAtMs, placedAtMs, currency, totalCents, reason, action };
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

/** Mostly values that a schema allows and JSON writes without escapes; fields in one of two orders. */
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
  return fc.constantFrom(properties, properties.toReversed())
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
  for (const event of events) {
    decodeFact(topicOf(event.type), utf8.encode(event.orderId), encode(event));
  }
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

Deno.test("FactReader: once it has seen an order of fields, it reads them without decoding", () => {
  const reader = new FactReader();
  const scanned = (event: OrderEvent) => {
    const message = { key: utf8.encode(event.orderId), value: encode(event) };
    const fact = reader.scan(topicOf(event.type), message);
    reader.decode(topicOf(event.type), message);
    return fact && plain(fact);
  };
  const orders = sampleOrders(20, Date.parse("2026-02-28T23:59:58.000Z"), 300);
  const rotated = (event: OrderEvent) => {
    const { type, ...others } = event;
    return { ...others, type } as OrderEvent;
  };
  const reversed = (event: OrderEvent) =>
    Object.fromEntries(Object.entries(event).toReversed()) as OrderEvent;
  for (const written of [(event: OrderEvent) => event, rotated, reversed]) {
    const seen = new Set<string>();
    for (const event of orders.flatMap(eventsOf)) {
      const expected = seen.has(event.type) ? factOf(event) : undefined;
      seen.add(event.type);
      assertEquals(scanned(written(event)), expected);
    }
  }
});

Deno.test("FactReader: so many orders of fields are learned, and no more", () => {
  const reader = new FactReader();
  const [event] = eventsOf(order({}));
  const names = Object.keys(event!);
  let known = 0;
  for (let turn = 0; turn < 8 * names.length; turn++) {
    // Another field last, and the others turned by some: an order of its own each time.
    const at = turn % names.length;
    const others = names.toSpliced(at, 1);
    const by = Math.floor(turn / names.length);
    const written = [...others.slice(by), ...others.slice(0, by), names[at]!];
    const value = encode(Object.fromEntries(
      written.map((name) => [name, event![name as keyof OrderEvent]]),
    ) as unknown as OrderEvent);
    const message = { key: utf8.encode(event!.orderId), value };
    assertEquals(reader.decode("orders.validated", message).ok, true);
    if (reader.scan("orders.validated", message)) known++;
  }
  assertEquals(known, 16);
});

Deno.test("FactReader: the same of the records of a batch, of which it makes one text", () => {
  const reader = new FactReader();
  const events = sampleOrders(50, NOON_MS, 300).flatMap(eventsOf)
    .filter(({ type }) => topicOf(type) === "orders.outcomes");
  const batches = [events.slice(0, 20), events.slice(20)].map((some) =>
    decodeBatches(encodeRecordBatch({
      records: some.map((event) => ({ key: event.orderId, value: encode(event) })),
      firstTimestamp: 0,
      maxTimestamp: 0,
      producerId: 7n,
      producerEpoch: 0,
      firstSequence: 0,
      transactional: true,
    }))
  );
  for (let round = 0; round < 2; round++) {
    const facts = batches.flat().map((record) => reader.decode("orders.outcomes", record));
    assertEquals(
      facts.map((decoded) => decoded.ok && plain(decoded.event)),
      events.map(factOf),
    );
  }
});
