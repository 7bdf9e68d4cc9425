import { assert, assertEquals, assertMatch, assertNotEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { decode } from "../../events/codec.ts";
import type { KeyedRecord } from "../../kafka/producer/publisher.ts";
import {
  createOrderMaker,
  orderIdOf,
  type OrderMakerOptions,
  sequenceOf,
  traceparentOf,
} from "./make_order.ts";
import { SMALL_CATALOG } from "./testing/catalog.ts";

const placedAtMs = Date.parse("2026-01-02T03:04:05.678Z");
const utf8 = new TextEncoder();

function maker(options: Partial<OrderMakerOptions> = {}) {
  return createOrderMaker({
    catalog: SMALL_CATALOG,
    runId: "r1",
    seed: 1,
    zipfExponent: 1,
    refusedShare: 0.2,
    brokenShare: 0.1,
    ...options,
  });
}

function decoded({ key, value }: KeyedRecord) {
  const bytes = typeof value === "string" ? utf8.encode(value) : value;
  return decode("orders.raw", key === null ? null : utf8.encode(key), bytes);
}

const mixes: [string, Partial<OrderMakerOptions>][] = [
  ["a mix of all", {}],
  ["only refused ones", { refusedShare: 1, brokenShare: 0 }],
  ["only broken ones", { refusedShare: 0, brokenShare: 1 }],
];

for (const [what, mix] of mixes) {
  Deno.test(`createOrderMaker: the same seed makes the same orders one by one, ${what}`, () => {
    const make = maker(mix);
    const inOrder = Array.from({ length: 500 }, (_, n) => make(n, placedAtMs));
    fc.assert(fc.property(fc.array(fc.nat(499), { maxLength: 50 }), (sequences) => {
      const other = maker(mix);
      for (const n of sequences) assertEquals(other(n, placedAtMs), inOrder[n]);
    }));
  });
}

Deno.test("createOrderMaker: another run of the seed differs in its ids only", () => {
  const [one, other] = [maker({ brokenShare: 0 }), maker({ brokenShare: 0, runId: "r2" })];
  for (let n = 0; n < 200; n++) {
    const text = String(one(n, placedAtMs).value);
    assertEquals(other(n, placedAtMs).value, text.replaceAll("r1-", "r2-"));
  }
});

Deno.test("createOrderMaker: another seed makes other orders", () => {
  const [one, other] = [maker({ brokenShare: 0 }), maker({ brokenShare: 0, seed: 2 })];
  const same = Array.from({ length: 200 }, (_, n) => n)
    .filter((n) => String(one(n, 0).value) === String(other(n, 0).value));
  assert(same.length < 20, `${same.length} of 200 are the same`);
});

Deno.test("createOrderMaker: a good order is an OrderPlaced of its id and time", () => {
  const make = maker({ refusedShare: 0, brokenShare: 0 });
  fc.assert(fc.property(fc.nat(100_000_000), (n) => {
    const publication = make(n, placedAtMs + 0.9);
    const result = decoded(publication);
    assert(result.ok && result.event.type === "OrderPlaced");
    assertEquals(result.event.orderId, orderIdOf("r1", n));
    assertEquals(result.event.eventId, `${orderIdOf("r1", n)}/OrderPlaced`);
    assertEquals(result.event.occurredAt, "2026-01-02T03:04:05.678Z");
    assertEquals(publication.key, orderIdOf("r1", n));
    assertMatch(publication.headers!.traceparent!, /^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
  }));
});

Deno.test("createOrderMaker: as many messages are broken as the share says", () => {
  const make = maker({ refusedShare: 0.2, brokenShare: 0.1 });
  const broken = Array.from({ length: 10_000 }, (_, n) => decoded(make(n, placedAtMs)))
    .filter((result) => !result.ok).length;
  // The mean is 1,000, the standard deviation 30.
  assert(broken > 850 && broken < 1_150, `${broken}`);
});

Deno.test("createOrderMaker: as many orders differ from a good one as the share of refused ones", () => {
  const [spoiled, good] = [0.2, 0].map((refusedShare) => maker({ refusedShare, brokenShare: 0 }));
  let refused = 0;
  for (let n = 0; n < 10_000; n++) {
    const result = decoded(spoiled!(n, placedAtMs));
    assert(result.ok);
    const same = decoded(good!(n, placedAtMs));
    assert(same.ok);
    if (JSON.stringify(result.event) !== JSON.stringify(same.event)) refused++;
  }
  // The mean is 2,000, the standard deviation 40.
  assert(refused > 1_800 && refused < 2_200, `${refused}`);
});

Deno.test("createOrderMaker: a catalog without buyers is a fault", () => {
  assertThrows(() => maker({ catalog: { customers: [], products: [] } }), RangeError);
});

Deno.test("orderIdOf: the run, a dash, the sequence number with at least six digits", () => {
  const ids = [0, 42, 999_999, 1_000_000].map((n) => orderIdOf("r1", n));
  assertEquals(ids, ["r1-000000", "r1-000042", "r1-999999", "r1-1000000"]);
});

Deno.test("sequenceOf: the number in an id of the run, and none in any other", () => {
  fc.assert(fc.property(fc.nat(2_000_000), (n) => {
    assertEquals(sequenceOf("r1", orderIdOf("r1", n)), n);
    assertEquals(sequenceOf("r1", orderIdOf("r11", n)), undefined);
    assertEquals(sequenceOf("r1", orderIdOf("r2", n)), undefined);
  }));
  for (
    const other of ["", "r1", "r1-", "r1-7", "r1-0000007", "r1-1e0005", "r1-000007x", "r1_000007"]
  ) {
    assertEquals(sequenceOf("r1", other), undefined, other);
  }
});

Deno.test("traceparentOf: is a W3C trace context, the same for the same order", () => {
  fc.assert(fc.property(fc.stringMatching(/^[A-Za-z0-9-]{1,64}$/), (orderId) => {
    const traceparent = traceparentOf(orderId);
    assertMatch(traceparent, /^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
    assertNotEquals(traceparent.slice(3, 35), "0".repeat(32));
    assertNotEquals(traceparent.slice(36, 52), "0".repeat(16));
    assertEquals(traceparentOf(orderId), traceparent);
  }));
});

Deno.test("traceparentOf: no two orders of several runs share a trace or a span", () => {
  const ids = ["r1", "r2", "rkz3f"].flatMap((run) =>
    Array.from({ length: 20_000 }, (_, n) => `${run}-${String(n).padStart(6, "0")}`)
  );
  const parents = ids.map(traceparentOf);
  assertEquals(new Set(parents.map((parent) => parent.slice(3, 35))).size, ids.length);
  assertEquals(new Set(parents.map((parent) => parent.slice(36, 52))).size, ids.length);
});
