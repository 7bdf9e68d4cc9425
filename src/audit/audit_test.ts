import { assert, assertEquals, assertMatch } from "@std/assert";
import { CHECKS } from "./checks.ts";
import { passed, reportLines } from "./report.ts";
import { drop, fixtureOf, isNamed } from "./testing/case.ts";
import { CASES } from "./testing/cases.ts";
import { createFixture, SCENARIOS } from "./testing/scenarios.ts";
import {
  addDeadLetter,
  addResolution,
  appendCopy,
  appendRecord,
  eventsOf,
  orderId,
  partitionOf,
} from "./testing/fixture.ts";
import { auditFixture, checkOf } from "./testing/audit_fixture.ts";

Deno.test("audit: a fixture in which all is well passes, whatever became of its orders", async () => {
  const report = await auditFixture(createFixture(SCENARIOS));
  assertEquals(report.checks?.filter((check) => !check.passed), []);
  assertEquals(report.notes, []);
  assert(passed(report));
});

for (const one of CASES) {
  Deno.test(`audit: fails and names it: ${one.name}`, async () => {
    const report = await auditFixture(...fixtureOf(one));
    assert(!passed(report));
    const offenders = one.fails.flatMap((name) => {
      const check = checkOf(report, name);
      assert(!check.passed, `${name} must fail`);
      return check.offenders;
    });
    const named = `none names ${one.who} and says ${one.says}, but ${JSON.stringify(offenders)}`;
    assert(isNamed(one, offenders), named);
    for (const name of one.passes ?? []) assert(checkOf(report, name).passed, name);
    assert(reportLines(report).some((line) => line.includes(one.who)));
  });
}

Deno.test("audit: the cases above make every check fail", () => {
  const covered = new Set<string>(CASES.flatMap(({ fails }) => fails));
  assertEquals(Object.keys(CHECKS).filter((check) => !covered.has(check)), []);
});

Deno.test("audit: a provider's own ledger is not judged, and the report says so; all else is", async () => {
  const foreignGateway = "https://pay.example";
  const fixture = createFixture(SCENARIOS);
  fixture.tables.charges = [];
  assert(!passed(await auditFixture(fixture)), "the simulated provider's ledger is missing");
  const report = await auditFixture(fixture, { foreignGateway });
  assert(passed(report));
  assertEquals(report.checks?.length, Object.keys(CHECKS).length - 1);
  assertMatch(reportLines(report).join("\n"), /not covered: .* provider at https:\/\/pay\.example/);

  fixture.tables.payments[0]!.amount_cents = 1;
  const failed = await auditFixture(fixture, { foreignGateway });
  assert(!checkOf(failed, "payments").passed, "what is recorded is still compared with the events");
});

Deno.test("audit: proves nothing where nothing was placed", async () => {
  const report = await auditFixture(createFixture([]));
  assert(!passed(report));
  assertEquals(report.checks, undefined);
  assertMatch(reportLines(report).join("\n"), /nothing to audit: no order was ever placed/);
});

Deno.test("audit: proves nothing when it is stopped", async () => {
  const report = await auditFixture(createFixture(SCENARIOS), { signal: AbortSignal.abort() });
  assertEquals(report.checks, undefined);
  assertEquals(report.notes, ["it was stopped before everything was read"]);
  assertMatch(reportLines(report).join("\n"), /AUDIT FAILED: nothing is proven$/);
});

for (const when of ["the orders", CHECKS.covered.promise, CHECKS.balance.promise]) {
  Deno.test(`audit: stopped at "${when}", it judges nothing`, async () => {
    const stop = new AbortController();
    const report = await auditFixture(createFixture(SCENARIOS), {
      signal: stop.signal,
      onProgress: (what) => what === when && stop.abort(),
    });
    assertEquals([report.checks, report.notes], [
      undefined,
      ["it was stopped before everything was judged"],
    ]);
  });
}

Deno.test("audit: tells what it reads, and how many records and rows it has read", async () => {
  const fixture = createFixture(SCENARIOS);
  const told: [string, number][] = [];
  await auditFixture(fixture, { onProgress: (what, count) => told.push([what, count]) });
  const { runs: _runs, placements: _placements, ...tables } = fixture.tables;
  const rows = Object.values(tables).reduce((sum, table) => sum + table.length, 0);
  assertEquals(told[0]?.[0], "joins");
  assertEquals(told.at(-1), [CHECKS.replays.promise, fixture.records.length + rows]);
});

Deno.test("audit: a wiped log does not hide that orders were acknowledged", async () => {
  const fixture = createFixture(["confirmed"]);
  fixture.records = [];
  const report = await auditFixture(fixture);
  assert(!checkOf(report, "acknowledged").passed);
});

Deno.test("audit: an order that a run did not record is audited like any other", async () => {
  const fixture = createFixture(["confirmed", "rejected"]);
  fixture.tables.runs.length = 0;
  const report = await auditFixture(fixture);
  assert(passed(report));
  assertMatch(reportLines(report).join("\n"), /no run of the simulator is recorded/);
  drop(fixture, eventsOf(fixture, 1, "OrderRejected")[0]);
  assert(!passed(await auditFixture(fixture)));
});

Deno.test("audit: stock may be sold out, and a dead letter that was resolved may be wrong", async () => {
  const fixture = createFixture(["rejected", "confirmed", "confirmed"]);
  for (const row of fixture.tables.stock) {
    row.initial = Number(row.initial) - Number(row.on_hand);
    row.on_hand = 0;
  }
  const again = appendCopy(fixture, eventsOf(fixture, 1, "OrderPlaced")[0]!);
  addResolution(fixture, addDeadLetter(fixture, "validator", again, "invalid_json"), "discarded");
  const report = await auditFixture(fixture);
  assert(passed(report), reportLines(report).join("\n"));
  // By name, whichever was met first.
  assertEquals(Object.keys(checkOf(report, "balance").counts), ["EUR cents", "USD cents"]);
});

Deno.test("audit: money paid for an order that waits for a dead letter is held, not missing", async () => {
  const fixture = createFixture(["confirmed", "parked", "parked", "out_of_stock"]);
  // Confirmed and refunded orders hold nothing, whatever dead letters there are about them.
  for (const n of [0, 3]) {
    const broken = new TextEncoder().encode("{");
    const raw = appendRecord(fixture, "payment.events", partitionOf(n), orderId(n), broken);
    addDeadLetter(fixture, "fulfillment", raw, "invalid_json");
  }
  assert(passed(await auditFixture(fixture)));
  fixture.tables.charges[0]!.refunded_cents = 1;
  const said = checkOf(await auditFixture(fixture), "gateway").offenders.map(({ what }) => what);
  const charged =
    "the gateway charged 19.04 EUR and gave back 0.01 EUR: confirmed 7.00 EUR, held by " +
    "dead letters 12.04 EUR";
  assert(said.includes(charged), said.join("\n"));
});

Deno.test("audit: says of a run that was cut off what was on its way, and what of it arrived", async () => {
  const fixture = createFixture(["confirmed", "broken", "rejected"]);
  fixture.tables.runs[0] = { run_id: "r1", acknowledged: 1, finished_at: null };
  const notesOf = async () => {
    const report = await auditFixture(fixture);
    assert(passed(report), reportLines(report).join("\n"));
    return report.notes;
  };
  fixture.tables.placements[0]!.placed = 1_501;
  assertEquals(await notesOf(), [
    "run r1 has not finished: 1 acknowledged, 1,500 more on their way, of which 2 arrived",
  ]);
  // As an older simulator left it.
  fixture.tables.placements = [];
  assertEquals(await notesOf(), [
    "run r1 has not finished: 1 acknowledged; how many more were on their way is not recorded",
  ]);
});

Deno.test("audit: orders that are placed while it reads are no fault", async () => {
  const fixture = createFixture(["confirmed", "confirmed"]);
  fixture.tables.runs[0] = { run_id: "r1", acknowledged: 1, finished_at: null };
  fixture.tables.placements[0]!.placed = 1;
  const { records } = fixture;
  Object.defineProperty(fixture, "records", {
    get() {
      fixture.tables.placements[0]!.placed = 2;
      return records;
    },
  });
  const report = await auditFixture(fixture);
  assert(passed(report), reportLines(report).join("\n"));
});
