/** Who had read what was deleted: by committed offsets, and where those are gone by the service's tables. */
import { assertEquals } from "@std/assert";
import { PROCESSORS } from "../topology.ts";
import { auditFixture, failedChecks, offendersOf } from "./testing/audit_fixture.ts";
import { deleteRecords, placeIn } from "./testing/fixture.ts";
import { confirmed, cutOff } from "./testing/scenarios.ts";

Deno.test("audit: names who had not read what was deleted", async () => {
  const fixture = cutOff(confirmed(12), 6);
  fixture.committed.payment.set(placeIn("t.orders.validated", 1), 1);
  const report = await auditFixture(fixture);
  assertEquals(offendersOf(report, "deleted"), [
    "orders.validated 1: its messages before offset 2 were deleted, and payment had read those " +
    "before 1 only",
  ]);
});

Deno.test("audit: where a group's offsets are gone, its tables say what it had read of what was deleted", async () => {
  const fixture = cutOff(confirmed(12), 6);
  const place = placeIn("t.orders.validated", 1);
  deleteRecords(fixture, (record) => placeIn(record.topic, record.partition) === place);
  fixture.committed.payment.delete(place);
  const said = async (work_to?: number, topic_id: string | null = null) => {
    const rows = [{ input: "*", topic_id: null, work_to: 0 }];
    const row = { input: "t.orders.validated/1", topic_id, work_to: work_to ?? 0 };
    fixture.positions.set("payment", work_to === undefined ? rows : [...rows, row]);
    return offendersOf(await auditFixture(fixture), "deleted");
  };
  fixture.firsts.set(place, 20);
  fixture.ends.set(place, 20);
  for (const service of PROCESSORS) {
    if (fixture.committed[service].has(place)) fixture.committed[service].set(place, 20);
  }
  const deleted =
    "orders.validated 1: its messages before offset 20 were deleted, and payment has no committed offset";
  const unknown = [`${deleted}: whether it had read them is not known`];
  assertEquals(await said(), unknown);
  assertEquals(await said(20), []);
  // Not more than control records are behind it.
  assertEquals(await said(12), []);
  assertEquals(await said(11), [`${deleted}; by its tables it had read those before 11 only`]);
  assertEquals(await said(-1), [`${deleted}; by its tables it had read none`]);
  // What it says of another topic by that name says nothing.
  assertEquals(await said(20, "t.orders.validated"), []);
  assertEquals(await said(20, "another"), unknown);
  // The group goes before.
  fixture.committed.payment.set(place, 20);
  assertEquals(await said(1), []);
});

Deno.test("audit: control records behind the last message are not missed when all is deleted", async () => {
  const fixture = cutOff(confirmed(12), 6);
  deleteRecords(fixture, ({ topic, partition }) => topic === "t.payment.events" && partition === 1);
  const place = placeIn("t.payment.events", 1);
  const moveEnd = (by: number) => {
    const end = fixture.ends.get(place)! + by;
    fixture.ends.set(place, end);
    fixture.firsts.set(place, end);
  };
  moveEnd(1);
  assertEquals(failedChecks(await auditFixture(fixture)), []);
  moveEnd(8);
  assertEquals(offendersOf(await auditFixture(fixture), "deleted").length, 1);
});
