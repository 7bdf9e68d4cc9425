/** Of a log whose beginning was deleted the rest is judged: what is lost there is named, what is older is not. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import fc from "fast-check";
import type { LogRecord } from "../kafka/records.ts";
import type { CheckName } from "./checks.ts";
import { passed, reportLines } from "./report.ts";
import { drop, dropRow } from "./testing/case.ts";
import {
  addDeadLetter,
  AT,
  deleteBefore,
  deleteRecords,
  eventIn,
  eventsOf,
  type Fixture,
  orderId,
  PARTITIONS,
  placeIn,
  rewrite,
} from "./testing/fixture.ts";
import { auditFixture, checkOf, failedChecks, offendersOf } from "./testing/audit_fixture.ts";
import { confirmed, createFixture, cutOff, HOUR_MS, SCENARIOS } from "./testing/scenarios.ts";
import { stepsOf } from "./testing/steps.ts";
import { TOPIC_NAMES } from "../topology.ts";

/** Clocks that differ are allowed for by as much. */
const MARGIN_MS = 60_000;

Deno.test("audit: passes where old messages were deleted, and says from when on it judges", async () => {
  const fixture = cutOff(confirmed(12), 6);
  const report = await auditFixture(fixture);
  assert(passed(report), reportLines(report).join("\n"));
  // The first one in each partition may be younger than what was deleted, or as old.
  const { scope } = report;
  assertEquals([scope!.orders, scope!.older, scope!.newer], [3, 3, 0]);
  assertEquals(scope!.since, "2026-01-01T08:01:00.000Z");
  assertEquals(scope!.topics["orders.raw"], [
    { partition: 0, first: 2, end: 4 },
    { partition: 1, first: 2, end: 4 },
    { partition: 2, first: 2, end: 4 },
  ]);
  const lines = reportLines(report).join("\n");
  assertMatch(lines, /scope: orders placed after 2026-01-01T08:01:00.000Z; .* 3 older orders/);
  assertMatch(lines, /scope: orders\.raw has offsets 2 to 4 in 0, 2 to 4 in 1/);
});

Deno.test("audit: passes on the ninth day of a retention of seven, whatever became of the orders", async () => {
  const scenarios = Array.from({ length: 14 }, () => SCENARIOS).flat();
  const fixture = cutOff(scenarios, 24 * 2);
  const report = await auditFixture(fixture);
  assertEquals(failedChecks(report), []);
  assert(report.scope!.orders > 100, `${report.scope!.orders} judged`);
});

/** From order n on, all that is placed says another time: the simulator's clock is ahead, or behind. */
function skewPlaced(fixture: Fixture, byMs: number, n = 0): void {
  const moved = (iso: string) => new Date(Date.parse(iso) + byMs).toISOString();
  for (const record of [...fixture.records]) {
    const event = eventIn(record);
    if (!event || event.orderId < orderId(n)) continue;
    if ("placedAt" in event) rewrite(fixture, record, { placedAt: moved(event.placedAt) });
    else {
      rewrite(fixture, record, { occurredAt: moved(event.occurredAt) });
      const i = fixture.records.findIndex(({ topic, partition, offset }) =>
        topic === record.topic && partition === record.partition && offset === record.offset
      );
      fixture.records[i] = { ...fixture.records[i]!, timestamp: record.timestamp + byMs };
    }
  }
}

Deno.test("audit: where a clock is ahead of the others, what it calls young is not called lost", async () => {
  for (const minutes of [-30, 0, 30, 59]) {
    const fixture = createFixture(confirmed(36), "t.", { everyMs: 300_000 });
    skewPlaced(fixture, minutes * 60_000);
    // Kafka has deleted more behind orders.raw than there.
    const [kept, cut] = [6, 12].map((n) => Date.parse(AT) + n * 300_000);
    deleteRecords(
      fixture,
      ({ topic, timestamp }) =>
        timestamp < (topic === "t.orders.raw" ? kept! + minutes * 60_000 : cut!),
    );
    const report = await auditFixture(fixture);
    assertEquals(failedChecks(report), [], `${minutes} minutes`);
    assert(report.scope!.orders > 0, `${minutes} minutes`);
    const notes = minutes > 1 ? 1 : 0;
    assertEquals(report.notes.filter((note) => /clock/.test(note)).length, notes);
    drop(fixture, eventsOf(fixture, 35, "OrderConfirmed")[0]);
    assert(!checkOf(await auditFixture(fixture), "outcome").passed);
  }
});

Deno.test("audit: one order of a strange time is not why no other is judged", async () => {
  const fixture = cutOff(confirmed(12), 6);
  const before = await auditFixture(fixture);
  skewPlaced(fixture, 1_000 * HOUR_MS, 11);
  const { scope } = await auditFixture(fixture);
  assert(scope!.orders >= before.scope!.orders - 1, `${scope!.orders} judged`);
});

Deno.test("audit: an event that names a false time of placing hides no order", async () => {
  const fixture = cutOff(confirmed(12), 6);
  for (
    const payment of Array.from(
      { length: 12 },
      (_, n) => eventsOf(fixture, n, "PaymentProcessed")[0],
    )
  ) {
    if (payment) rewrite(fixture, payment, { placedAt: AT });
  }
  assertEquals((await auditFixture(fixture)).scope!.orders, 3);
  drop(fixture, eventsOf(fixture, 10, "OrderConfirmed")[0]);
  assertMatch(
    offendersOf(await auditFixture(fixture), "outcome").join(),
    /^r1-000010: no outcome;/,
  );
});

const LOST: readonly {
  name: string;
  mutate: (fixture: Fixture) => void;
  fails: CheckName;
  says: RegExp;
}[] = [
  {
    name: "its outcome",
    mutate: (fixture) => drop(fixture, eventsOf(fixture, 10, "OrderConfirmed")[0]),
    fails: "outcome",
    says: /^r1-000010: no outcome; seen: OrderPlaced,/,
  },
  {
    name: "its placing",
    mutate: (fixture) => drop(fixture, eventsOf(fixture, 10, "OrderPlaced")[0]),
    fails: "acknowledged",
    says: /^r1-000010: was acknowledged, but is not/,
  },
  {
    name: "all of it",
    mutate: (fixture) => drop(fixture, ...fixture.records.filter((r) => isOf(r, 10))),
    fails: "acknowledged",
    says: /^r1-000010: was acknowledged, but is not/,
  },
  {
    name: "its payment",
    mutate: (fixture) => drop(fixture, eventsOf(fixture, 10, "PaymentProcessed")[0]),
    fails: "payments",
    says: /^r1-000010: its row: processed; its events say: none/,
  },
  {
    name: "a row of a table",
    mutate: (fixture) => dropRow(fixture, "charges", orderId(10)),
    fails: "gateway",
    says: /^r1-000010: its row: none; its events say: charged/,
  },
  {
    name: "a piece of stock",
    mutate: (fixture) => fixture.tables.stock[0]!.on_hand = 7,
    fails: "stock",
    says: /^p-1: initial 1000000, reserved by rows of its table \d+: expected/,
  },
];

function isOf(record: LogRecord, n: number): boolean {
  return eventIn(record)?.orderId === orderId(n);
}

for (const { name, mutate, fails, says } of LOST) {
  Deno.test(`audit: finds what an order in range has lost: ${name}`, async () => {
    const fixture = cutOff(confirmed(12), 6);
    mutate(fixture);
    const said = offendersOf(await auditFixture(fixture), fails);
    assert(said.some((line) => says.test(line)), said.join("\n"));
  });
}

Deno.test("audit: what is out of range is not called lost, nor are its rows wrong", async () => {
  const fixture = cutOff(confirmed(12), 6);
  for (const n of [0, 5, 6]) {
    drop(fixture, ...fixture.records.filter((record) => isOf(record, n)));
    fixture.tables.payments.find((row) => row.order_id === orderId(n))!.state = "failed";
  }
  assertEquals(failedChecks(await auditFixture(fixture)), []);
});

Deno.test("audit: finds a run that is lost as a whole, when it began in range", async () => {
  const fixture = cutOff(confirmed(12), 6);
  const at = new Date(fixture.nowMs).toISOString();
  fixture.tables.runs.push({ run_id: "r2", acknowledged: 2, started_at: at, finished_at: null });
  fixture.tables.placements.push({ run_id: "r2", placed: 2 });
  assertEquals(offendersOf(await auditFixture(fixture), "acknowledged"), [
    "r2-000000: was acknowledged, but is not in orders.raw",
    "r2-000001: was acknowledged, but is not in orders.raw",
  ]);
});

Deno.test("audit: a partition of which all was deleted hides no order that another has lost", async () => {
  const fixture = cutOff(confirmed(12), 0);
  deleteRecords(fixture, ({ topic, partition }) => topic === "t.orders.raw" && partition === 1);
  deleteRecords(
    fixture,
    ({ topic, partition, offset }) => topic === "t.orders.raw" && partition === 2 && offset < 1,
  );
  assertEquals(failedChecks(await auditFixture(fixture)), []);
  // Partition 0 is whole, partition 2 since order 5; of partition 1 nothing can be said.
  for (const n of [3, 7, 11]) drop(fixture, ...fixture.records.filter((r) => isOf(r, n)));
  assertEquals(
    offendersOf(await auditFixture(fixture), "acknowledged"),
    [3, 11].map((n) => `${orderId(n)}: was acknowledged, but is not in orders.raw`),
  );
});

Deno.test("audit: an order that was sent late hides no other, and none is called lost for it", async () => {
  // Order 3 was sent again after order 9: behind what was deleted.
  const fixture = cutOff(confirmed(12), 0);
  const [early] = eventsOf(fixture, 3, "OrderPlaced");
  deleteBefore(fixture, fixture.nowMs - 6 * HOUR_MS);
  const [next] = eventsOf(fixture, 6, "OrderPlaced");
  fixture.records.splice(fixture.records.indexOf(next!), 1, {
    ...early!,
    offset: next!.offset,
    timestamp: next!.timestamp,
  });
  assertEquals(offendersOf(await auditFixture(fixture), "acknowledged"), []);
});

Deno.test("audit: where all of a partition was deleted, its number is not judged, the others are", async () => {
  const fixture = cutOff(confirmed(12), 0);
  deleteRecords(fixture, ({ partition }) => partition === 1);
  const report = await auditFixture(fixture);
  assertEquals(failedChecks(report), []);
  assertEquals(report.scope!.orders, 8);
  drop(fixture, eventsOf(fixture, 2, "OrderConfirmed")[0]);
  assert(!checkOf(await auditFixture(fixture), "outcome").passed);
});

Deno.test("audit: an order that orders.raw has is lost without an outcome, whatever was deleted", async () => {
  // Everything is deleted, then one more order is placed.
  const fixture = cutOff(confirmed(12), 12);
  const lost = stepsOf(fixture, 12);
  lost.place();
  const noOutcome = async () =>
    offendersOf(await auditFixture(fixture), "outcome").filter((one) =>
      one.startsWith(orderId(12))
    );
  assertEquals(await noOutcome(), [
    `${
      orderId(12)
    }: no outcome, which nothing proves: all messages of orders.outcomes 0 were deleted`,
  ]);
  // The outcomes are there since before it was placed, and other topics have nothing.
  fixture.firsts.delete(placeIn("t.orders.outcomes", 0));
  assertEquals(await noOutcome(), [`${orderId(12)}: no outcome`]);
  lost.reject();
  assertEquals(await noOutcome(), []);
});

Deno.test("audit: proves nothing when no order is left to be judged", async () => {
  const fixture = cutOff(confirmed(3), 3);
  const report = await auditFixture(fixture);
  assertEquals(failedChecks(report), []);
  assert(!passed(report));
  assertMatch(reportLines(report).join("\n"), /AUDIT FAILED: nothing is proven/);
});

Deno.test("audit: a dead letter outlives what it is about, and what it led to", async () => {
  const fixture = cutOff([
    "placed_twice",
    "broken_replayed",
    "failed_then_replayed",
    "parked_then_replayed",
    "half_replayed",
    "release_replayed",
    ...confirmed(9),
  ], 9);
  assertEquals(failedChecks(await auditFixture(fixture)), []);
  // An order that is called a duplicate, of which there was none, is still found.
  const [placed] = eventsOf(fixture, 13, "OrderPlaced");
  drop(fixture, ...fixture.records.filter((record) => isOf(record, 13) && record !== placed));
  addDeadLetter(fixture, "validator", placed!, "duplicate_order");
  assertMatch(
    offendersOf(await auditFixture(fixture), "messages").join(),
    /r1-000013: all its messages are dead letters, one of them for a duplicate_order/,
  );
});

/** From when on an order of a partition number is judged, as this test reckons it. */
function wholeSince(fixture: Fixture, partition: number): number {
  const since = TOPIC_NAMES.map((name) => {
    const topic = fixture.names.topic(name);
    if ((fixture.firsts.get(placeIn(topic, partition)) ?? 0) === 0) return 0;
    const first = fixture.records.find((r) => r.topic === topic && r.partition === partition);
    return first ? first.timestamp + MARGIN_MS : Infinity;
  });
  return Math.max(...since);
}

const cutFixtures = fc.record({
  scenarios: fc.array(fc.constantFrom(...SCENARIOS), { minLength: 4, maxLength: 24 }),
  deleted: fc.double({ min: 0, max: 0.8, noNaN: true }),
  // Kafka deletes by segments: in one topic more than in another.
  more: fc.array(fc.nat(3), { minLength: TOPIC_NAMES.length, maxLength: TOPIC_NAMES.length }),
  pick: fc.nat(),
});

Deno.test("audit: passes at any point of a retention, and misses nothing of an order in range", async () => {
  await fc.assert(
    fc.asyncProperty(cutFixtures, async ({ scenarios, deleted, more, pick }) => {
      const cut = Math.floor(scenarios.length * deleted);
      const fixture = cutOff(scenarios, cut);
      for (const [i, topic] of cut === 0 ? [] : TOPIC_NAMES.entries()) {
        const end = Date.parse(AT) + (cut + more[i]!) * HOUR_MS;
        const name = fixture.names.topic(topic);
        deleteRecords(fixture, (record) => record.topic === name && record.timestamp < end);
      }
      assertEquals(failedChecks(await auditFixture(fixture)), []);
      const whole = Array.from({ length: PARTITIONS }, (_, p) => wholeSince(fixture, p));
      const inRange = fixture.records.filter((record) => {
        const event = eventIn(record);
        if (!event) return false;
        const placedAt = "placedAt" in event ? event.placedAt : event.occurredAt;
        return Date.parse(placedAt) > whole[record.partition]!;
      });
      if (inRange.length === 0) return;
      const lost = inRange[pick % inRange.length]!;
      drop(fixture, lost);
      const report = await auditFixture(fixture);
      assert(failedChecks(report).length > 0, `unnoticed: ${lost.topic} ${lost.offset} is lost`);
    }),
    { numRuns: 40 },
  );
});

Deno.test("audit: where all was deleted, it does not say that no order was ever placed", async () => {
  const fixture = cutOff(confirmed(3), 3);
  fixture.tables.runs = [];
  const report = await auditFixture(fixture);
  assertEquals(reportLines(report).at(-1), "AUDIT FAILED: nothing is proven: no order is judged");
});
