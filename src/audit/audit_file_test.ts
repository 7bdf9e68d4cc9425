/** One audit after another in the same database: each reads what is new, and says what a fresh one says. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import type { LocatedUnreadable } from "../kafka/protocol/unreadable.ts";
import { openAuditFile } from "./audit.ts";
import { LogChanged } from "./load/topics.ts";
import { auditFixture, checkOf, failedChecks } from "./testing/audit_fixture.ts";
import { AT, deleteBefore, type Fixture, placeIn, SERVICE_TABLES } from "./testing/fixture.ts";
import { confirmed, createFixture, cutOff, HOUR_MS, SCENARIOS } from "./testing/scenarios.ts";

Deno.test("audit: in a file of audits before it reads what is new, and says what a new one says", async () => {
  const whole = cutOff(Array.from({ length: 2 }, () => SCENARIOS).flat(), 0);
  const { records, ends } = whole;
  const begin = Date.parse(AT);
  const file = openAuditFile(":memory:", SERVICE_TABLES);
  try {
    for (const [shown, deleted] of [[8, 0], [16, 0], [20, 6], [32, 24], [32, 24]] as const) {
      const end = begin + shown * HOUR_MS;
      whole.records = records.filter(({ timestamp }) => timestamp < end);
      whole.ends.clear();
      for (const { topic, partition, offset } of whole.records) {
        ends.set(placeIn(topic, partition), offset + 1);
      }
      deleteBefore(whole, begin + deleted * HOUR_MS);
      const incremental = await auditFixture(whole, { file });
      const fresh = await auditFixture(whole);
      assertEquals(
        { ...incremental, events: undefined, scope: { ...incremental.scope, since: 0 } },
        { ...fresh, events: undefined, scope: { ...fresh.scope, since: 0 } },
      );
    }
  } finally {
    file.close();
  }
});

Deno.test("audit: in a file of audits before it forgets what could not be read, and counts what is left", async () => {
  const fixture = createFixture(confirmed(4), "t.", { everyMs: HOUR_MS });
  const file = openAuditFile(":memory:", SERVICE_TABLES);
  const unreadable = { topic: "t.orders.raw", partition: 0, offset: 0, next: 1, why: "damaged" };
  const first = await auditFixture(fixture, { file, unreadable: unreadable as LocatedUnreadable });
  assertEquals(checkOf(first, "whole").passed, false);
  deleteBefore(fixture, Date.parse(AT) + HOUR_MS);
  const { events, checks } = await auditFixture(fixture, { file });
  file.close();
  const anew = await auditFixture(fixture);
  assertEquals({ events, checks }, { events: anew.events, checks: anew.checks });
});

Deno.test("audit: in a file of an audit that failed the next one is made", async () => {
  const fixture = cutOff(confirmed(3), 0);
  const whole = fixture.committed.payment;
  fixture.committed.payment = new Map();
  const file = openAuditFile(":memory:", SERVICE_TABLES);
  try {
    assert(!checkOf(await auditFixture(fixture, { file }), "behind").passed);
    fixture.committed.payment = whole;
    assertEquals(failedChecks(await auditFixture(fixture, { file })), []);
  } finally {
    file.close();
  }
});

const others: { what: string; happens: (fixture: Fixture) => void; says: string }[] = [
  {
    what: "a topic that was created anew, however long it has grown",
    happens: ({ topicIds }) => topicIds.set("t.orders.raw", "another"),
    says: "t.orders.raw was deleted and created again",
  },
  {
    what: "a log that ends before what was read of it",
    happens: ({ ends }) => ends.set(placeIn("t.orders.raw", 0), 0),
    says: "t.orders.raw/0 ends at 0",
  },
];
for (const { what, happens, says } of others) {
  Deno.test(`audit: ${what} is another one`, async () => {
    const fixture = cutOff(confirmed(3), 0);
    const file = openAuditFile(":memory:", SERVICE_TABLES);
    try {
      await auditFixture(fixture, { file });
      happens(fixture);
      await assertRejects(() => auditFixture(fixture, { file }), LogChanged, says);
    } finally {
      file.close();
    }
  });
}
