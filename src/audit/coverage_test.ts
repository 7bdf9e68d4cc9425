/** What no promise covers is named, and every exception is about something that is there. */
import { assert, assertEquals } from "@std/assert";
import { CHECKS } from "./checks.ts";
import { EXCEPTIONS, type Subject, subjectsOf } from "./coverage.ts";
import { DUTIES } from "./duties.ts";
import { openAuditDatabase } from "./database.ts";
import { createTables } from "./schema.ts";
import { passed, reportLines } from "./report.ts";
import { orderId, SERVICE_TABLES } from "./testing/fixture.ts";
import { auditFixture } from "./testing/audit_fixture.ts";
import { createFixture } from "./testing/scenarios.ts";

/** What the check names, before anything is loaded. */
function notCovered(subjects: readonly Subject[]): string[] {
  const database = openAuditDatabase(":memory:");
  try {
    createTables(database, subjects);
    return database.prepare(CHECKS.covered.sql).all()
      .filter(({ what }) => what !== "was not looked at").map(({ who }) => String(who));
  } finally {
    database.close();
  }
}

Deno.test("subjectsOf: each is covered by a promise that there is, or an exception", () => {
  const subjects = subjectsOf(SERVICE_TABLES);
  assertEquals(notCovered(subjects), []);
  for (const { name, coveredBy, exception } of subjects) {
    assert((coveredBy.length > 0) !== (exception !== undefined), name);
    for (const check of coveredBy) assert(check in CHECKS, check);
  }
});

Deno.test("EXCEPTIONS: are about what is there", () => {
  const names = new Set(subjectsOf(SERVICE_TABLES).map(({ kind, name }) => `${kind} ${name}`));
  for (const [kind, reasons] of Object.entries(EXCEPTIONS)) {
    for (const name of Object.keys(reasons)) assert(names.has(`${kind} ${name}`), name);
  }
});

Deno.test("covered: names what neither a promise nor an exception is about", () => {
  assertEquals(notCovered(subjectsOf(SERVICE_TABLES, { exceptions: {} })), [
    "consumer group analytics",
    "table catalog.customers",
    "table catalog.products",
    "table gateway.refunds",
  ]);
  const duties = DUTIES.filter(({ answers }) => !answers.includes("PaymentRefunded"));
  assertEquals(notCovered(subjectsOf(SERVICE_TABLES, { duties })), [
    "consumer group payment",
    "event PaymentRefunded",
  ]);
});

Deno.test("covered: names what is declared and was not looked at", () => {
  const database = openAuditDatabase(":memory:");
  createTables(database, subjectsOf(SERVICE_TABLES));
  const found = database.prepare(CHECKS.covered.sql).all();
  database.close();
  assertEquals(new Set(found.map(({ what }) => what)), new Set(["was not looked at"]));
  const named = found.map(({ who }) => String(who));
  for (const who of ["topic orders.raw", "topic dlq.payment", "consumer group payment"]) {
    assert(named.includes(who), who);
  }
  assert(named.includes("table validator.seen_orders"));
});

Deno.test("rows: a row may be there of a message that then became a dead letter", async () => {
  const fixture = createFixture(["confirmed", "broken"]);
  fixture.tables.seen_orders.push({ order_id: orderId(1) });
  const report = await auditFixture(fixture);
  assert(passed(report), reportLines(report).join("\n"));
});

Deno.test("reportLines: print each exception and its reason", async () => {
  const lines = reportLines(await auditFixture(createFixture(["confirmed"])));
  const line = "     not covered: consumer group analytics reads only, and writes nothing";
  assert(lines.includes(line), lines.join("\n"));
});
