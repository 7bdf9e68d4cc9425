/** What an audit publishes of its report: readable, bounded, and without what may be a customer's. */
import { assert, assertEquals } from "@std/assert";
import { decodeAuditReport, MAX_LISTED } from "../../events/audit_report.ts";
import type { AuditReport } from "../audit.ts";
import { CHECKS } from "../checks.ts";
import { publishedReport } from "./publish.ts";
import { passed } from "../report.ts";
import { auditFixture } from "../testing/audit_fixture.ts";
import { fixtureOf } from "../testing/case.ts";
import { CASES } from "../testing/cases.ts";
import { appendRecord, orderId, partitionOf } from "../testing/fixture.ts";
import { createFixture, SCENARIOS } from "../testing/scenarios.ts";

const TIMES = { startedAt: new Date(0), finishedAt: new Date(1_000) };
const written = (report: AuditReport) =>
  new TextEncoder().encode(JSON.stringify(publishedReport(report, TIMES)));

Deno.test("publishedReport: of any report it can be read, and says the same", async () => {
  const sound = await auditFixture(createFixture(SCENARIOS));
  const broken = await auditFixture(...fixtureOf(CASES[0]!));
  const nothing: AuditReport = {
    ...{ checks: undefined, events: {}, deadLetters: {}, scope: undefined },
    ...{ notCovered: [], notes: ["there is nothing to audit"] },
  };
  for (const report of [sound, broken, nothing]) {
    const read = decodeAuditReport(written(report));
    assert(read);
    assertEquals(read.passed, passed(report));
    assertEquals(
      read.checks.map(({ promise, failures, counts }) => ({ title: promise, failures, counts })),
      (report.checks ?? []).map(({ title, failures, counts }) => ({ title, failures, counts })),
    );
    assertEquals(read.scope?.orders, report.scope?.orders);
  }
});

Deno.test("publishedReport: what a broken message says is not published", async () => {
  const fixture = createFixture(SCENARIOS);
  const id = orderId(0);
  // Its fault quotes the type that it claims to be.
  for (const topic of ["orders.raw", "orders.validated"] as const) {
    const value = new TextEncoder().encode(JSON.stringify({ type: "Ada Lovelace" }));
    appendRecord(fixture, topic, partitionOf(0), id, value);
  }
  const report = await auditFixture(fixture);
  assert(JSON.stringify(report).includes("Ada Lovelace"), "the report itself quotes it");
  const text = new TextDecoder().decode(written(report));
  assert(!text.includes("Ada"), text);
  assert(text.includes(id), "the order is named all the same");
});

Deno.test("publishedReport: a check that quotes what came from outside says so", () => {
  for (const [name, { sql, quotes }] of Object.entries(CHECKS)) {
    // What comes from outside is in these columns: faults, headers.
    const mayQuote = /\|\| (detail|claim|source\b|d\.detail|reason \|\| ')/.test(sql);
    assertEquals(quotes ?? false, mayQuote, name);
  }
});

Deno.test("publishedReport: is bounded, whatever the report says", async () => {
  const report = await auditFixture(createFixture(SCENARIOS));
  const many = Array.from({ length: 10_000 }, () => "\u200b".repeat(10_000));
  const check = report.checks![0]!;
  const large: AuditReport = {
    ...report,
    notes: many,
    notCovered: many,
    checks: Array.from({ length: 40 }, () => ({
      ...check,
      passed: false,
      offenders: Array.from({ length: 5 }, () => ({ who: many[0]!, what: many[0]! })),
    })),
  };
  const value = written(large);
  assert(value.length < 1_000_000, `${value.length} bytes`);
  assertEquals(decodeAuditReport(value)?.notes.length, MAX_LISTED);
});
