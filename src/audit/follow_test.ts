import { assertEquals, assertRejects } from "@std/assert";
import { RetryableError } from "../runtime/errors.ts";
import { type AuditFile, type AuditReport, openAuditFile } from "./audit.ts";
import { follow, followLines } from "./follow.ts";
import { LogChanged } from "./load/topics.ts";
import { passed } from "./report.ts";
import { appendCopy, eventsOf, SERVICE_TABLES } from "./testing/fixture.ts";
import { auditFixture } from "./testing/audit_fixture.ts";
import { createFixture } from "./testing/scenarios.ts";

/** Follows until as many audits were made; each is what it returns or throws. */
async function followed(audits: readonly ((file: AuditFile) => Promise<AuditReport>)[]) {
  const stop = new AbortController();
  const told: string[] = [];
  const files: AuditFile[] = [];
  let n = 0;
  const last = await follow({
    everyMs: 1,
    open: () => openAuditFile(":memory:", SERVICE_TABLES),
    async audit(file) {
      if (!files.includes(file)) files.push(file);
      if (n === audits.length) stop.abort();
      return await audits[n++ % audits.length]!(file);
    },
    onReport: (report, before) => told.push(`${before && passed(before)} ${passed(report)}`),
    onFailure: (reason) => told.push(reason),
    signal: stop.signal,
  });
  return { told, files: files.length, passed: last && passed(last) };
}

const fixture = createFixture(["confirmed"]);
const sound = (file: AuditFile) => auditFixture(fixture, { file });
const away = () => Promise.reject(new RetryableError("the database is away"));

Deno.test("follow: a failure is told once, and the next audit begins in a new file", async () => {
  assertEquals(await followed([sound, away, away, sound, sound]), {
    told: ["undefined true", "the database is away; it tries again", "true true", "true true"],
    files: 3,
    passed: true,
  });
});

Deno.test("follow: a failure that comes again is told again", async () => {
  const { told } = await followed([away, sound, away]);
  const failure = "the database is away; it tries again";
  assertEquals(told, [failure, "undefined true", failure]);
});

Deno.test("follow: on another log it starts over at once, and says so", async () => {
  const stop = new AbortController();
  const told: string[] = [];
  const opened: AuditFile[] = [];
  await follow({
    everyMs: 10_000,
    open() {
      opened.push(openAuditFile(":memory:", SERVICE_TABLES));
      return opened.at(-1)!;
    },
    audit: (file) =>
      opened.length === 1
        ? Promise.reject(new LogChanged("orders.raw was deleted and created again"))
        : sound(file),
    onReport: () => stop.abort(),
    onFailure: (reason) => told.push(reason),
    signal: stop.signal,
  });
  assertEquals(told, ["orders.raw was deleted and created again; it starts over"]);
  assertEquals(opened.length, 2);
});

Deno.test("follow: when the last audit failed, none passed", async () => {
  assertEquals((await followed([sound, away])).passed, undefined);
});

Deno.test("follow: a bug ends it", async () => {
  await assertRejects(() => followed([() => Promise.reject(new TypeError("a bug"))]), TypeError);
});

Deno.test("followLines: the result, what is wrong now and was not, and what holds again", async () => {
  const at = new Date("2026-01-01T00:00:00Z");
  const good = await auditFixture(createFixture(["confirmed"]));
  const broken = createFixture(["confirmed"]);
  appendCopy(broken, eventsOf(broken, 0, "OrderConfirmed")[0]!);
  const bad = await auditFixture(broken);
  const twice = "FAIL G2 no event twice: r1-000000: OrderConfirmed again, at orders.outcomes 0@1";
  const head = `2026-01-01T00:00:00.000Z AUDIT FAILED: `;
  const [first, ...rest] = followLines(bad, good, at);
  assertEquals([first!.startsWith(head), rest.includes(`     ${twice}`)], [true, true]);
  assertEquals(followLines(bad, bad, at), [first]);
  const again = followLines(good, bad, at);
  assertEquals(again[0], "2026-01-01T00:00:00.000Z AUDIT PASSED: all 30 checks hold");
  assertEquals(again.includes("     PASS again: G2 no event twice"), true);
});
