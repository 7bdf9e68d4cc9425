/** Committed offsets in sound fixtures; what can be wrong with them is among the cases of the audit. */
import { assert, assertEquals } from "@std/assert";
import type { LogRecord } from "../kafka/records.ts";
import { CHECKS } from "./checks.ts";
import { passed } from "./report.ts";
import { drop } from "./testing/case.ts";
import { createFixture } from "./testing/scenarios.ts";
import {
  appendCopy,
  appendRecord,
  deleteRecords,
  eventsOf,
  type Fixture,
  placeIn,
} from "./testing/fixture.ts";
import { auditFixture, checkOf } from "./testing/audit_fixture.ts";

Deno.test("audit: what asks nothing of a service may lie above its committed offset", async () => {
  for (
    const [scenario, service, topic, offset] of [
      // Nothing was taken, or it is kept.
      ["confirmed", "inventory", "orders.outcomes", 0],
      ["confirmed", "payment", "orders.outcomes", 0],
      ["rejected", "inventory", "orders.outcomes", 0],
      ["both_refused", "inventory", "orders.outcomes", 0],
      ["both_refused", "payment", "orders.outcomes", 0],
      // The half of a join that came first, and what follows an outcome.
      ["confirmed", "fulfillment", "payment.events", 0],
      ["out_of_stock", "fulfillment", "payment.events", 1],
      // A replay for another service.
      ["parked_then_replayed", "payment", "orders.validated", 1],
      ["broken_inside", "inventory", "orders.validated", 1],
    ] as const
  ) {
    const fixture = createFixture([scenario]);
    fixture.committed[service].set(placeIn(`t.${topic}`, 0), offset);
    assert(passed(await auditFixture(fixture)), `${scenario}: ${service} at ${offset} of ${topic}`);
  }
});

Deno.test("audit: what a service has not read is unfinished, and nothing is ahead", async () => {
  for (
    const [service, topic, scenario, answer] of [
      ["validator", "orders.raw", "rejected", "OrderRejected"],
      ["fulfillment", "payment.events", "confirmed", "OrderConfirmed"],
      ["fulfillment", "inventory.events", "confirmed", "OrderConfirmed"],
      ["payment", "orders.outcomes", "out_of_stock", "PaymentRefunded"],
    ] as const
  ) {
    const fixture = createFixture([scenario]);
    drop(fixture, eventsOf(fixture, 0, answer)[0]);
    fixture.committed[service].set(placeIn(`t.${topic}`, 0), 0);
    const report = await auditFixture(fixture);
    assert(!passed(report));
    assert(checkOf(report, "ahead").passed, `${service} at 0 of ${topic}`);
  }
  // Neither broken messages nor orders that were placed before.
  const unread: ((fixture: Fixture) => LogRecord)[] = [
    (fixture) => appendRecord(fixture, "orders.raw", 0, "o-1", new Uint8Array([0xff])),
    (fixture) => appendCopy(fixture, eventsOf(fixture, 0, "OrderPlaced")[0]!),
  ];
  for (const append of unread) {
    const fixture = createFixture(["confirmed"]);
    fixture.committed.validator.set(placeIn("t.orders.raw", 0), append(fixture).offset);
    const { checks } = await auditFixture(fixture);
    const failed = checks!.filter((check) => !check.passed).map(({ title }) => title);
    assertEquals(failed, [CHECKS.messages.promise]);
  }
});

Deno.test("audit: remembers where the messages of more orders are than there was room for", async () => {
  const fixture = createFixture(Array.from({ length: 1_100 }, () => "confirmed" as const));
  assert(passed(await auditFixture(fixture)));
  fixture.committed.validator.set(placeIn("t.orders.raw", 1), 0);
  assertEquals(checkOf(await auditFixture(fixture), "behind").failures, 367);
});

Deno.test("audit: offsets that are committed while it reads are neither ahead nor behind", async () => {
  const fixture = createFixture(["confirmed"]);
  const [early, late] = [createFixture([]).committed, fixture.committed];
  const none = await auditFixture(fixture, { committed: (time) => time === 0 ? early : late });
  assert(passed(none));
  // What was answered after its topic was read is unfinished.
  drop(fixture, eventsOf(fixture, 0, "OrderConfirmed")[0]);
  const some = await auditFixture(fixture, { committed: (time) => time === 0 ? early : late });
  assert(checkOf(some, "ahead").passed && checkOf(some, "behind").passed);
});

Deno.test("audit: looks again where all that was deleted unread may be a control record", async () => {
  const fixture = createFixture(["confirmed", "confirmed", "confirmed", "confirmed"]);
  const place = placeIn("t.orders.validated", 0);
  deleteRecords(
    fixture,
    ({ topic, partition, offset }) => placeIn(topic, partition) === place && offset === 0,
  );
  const late = fixture.committed;
  const early = { ...late, payment: new Map(late.payment).set(place, 0) };
  const committed = (time: number) => time < 2 ? early : late;
  const report = await auditFixture(fixture, { committed, patienceMs: 5_000 });
  assert(checkOf(report, "deleted").passed);
  const impatient = await auditFixture(fixture, { committed, patienceMs: 0 });
  assert(!checkOf(impatient, "deleted").passed);
});

Deno.test("audit: looks again, for a while, where an offset seems to be behind", async () => {
  const fixture = createFixture(["confirmed"]);
  const [early, late] = [createFixture([]).committed, fixture.committed];
  let times = 0;
  const committed = (time: number) => {
    times = time + 1;
    return time === 1 ? early : late;
  };
  assert(passed(await auditFixture(fixture, { committed, patienceMs: 5_000 })));
  assertEquals(times, 3, "before, after, and once more");
  assert(!passed(await auditFixture(fixture, { committed, patienceMs: 0 })));
  assertEquals(times, 2);
});
