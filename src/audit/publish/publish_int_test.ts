/** A report on its way from the audit to analytics, and what becomes of the verdict where there is none. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { publishFixture, runCommand, storeFixture } from "../../commands/testing/fixtures.ts";
import { createClient, withAdmin } from "../../kafka/client/client.ts";
import { sharedByTests, startTestBroker } from "../../local/testing/test_broker.ts";
import type { Logger } from "../../runtime/log.ts";
import { until } from "../../runtime/until.ts";
import { createAuditReports } from "../../services/analytics/checks/audit_reports.ts";
import { AUDIT_REPORTS } from "../../topology.ts";
import type { Fixture } from "../testing/fixture.ts";
import { createFixture, SCENARIOS } from "../testing/scenarios.ts";

const broker = sharedByTests(startTestBroker);

async function audit(fixture: Fixture, directory: string) {
  const { prefix } = fixture.names;
  return await runCommand("audit/main.ts", ["--json"], {
    ...{ bootstrap: broker.bootstrap, prefix, directory },
  });
}

async function published(fixture: Fixture, directory: string): Promise<Fixture> {
  await publishFixture(broker.bootstrap, fixture);
  await storeFixture(directory, fixture);
  return fixture;
}

Deno.test("publish: analytics has the newest report, of an audit that passed and of one that failed", async () => {
  const [sound, broken] = await Promise.all([Deno.makeTempDir(), Deno.makeTempDir()]);
  const stop = new AbortController();
  const fixture = createFixture(SCENARIOS, "told.");
  const reports = createAuditReports({
    ...{ access: { brokers: [broker.bootstrap] }, clientId: "test", names: fixture.names },
    log: { warn() {} } as unknown as Logger,
  });
  assertEquals(reports.latest.state, "unknown");
  const reading = reports.run(stop.signal);
  try {
    await published(fixture, sound);
    await until("it is known that there is none", () => reports.latest.state === "never");
    const passes = async (expected: boolean, directory: string) => {
      const { code, stderr } = await audit(fixture, directory);
      assertEquals([code, stderr], [expected ? 0 : 1, ""]);
      await until(
        `the report says ${expected}`,
        () => reports.latest.state === "made" && reports.latest.report.passed === expected,
      );
    };
    await passes(true, sound);
    fixture.tables.stock[0]!.on_hand = -2;
    await storeFixture(broken, fixture);
    await passes(false, broken);
    assert(reports.latest.state === "made");
    const failed = reports.latest.report.checks.find(({ passed }) => !passed)!;
    assertEquals(failed.offenders[0]?.who, "p-1");
  } finally {
    stop.abort();
    await reading;
    await Promise.all([sound, broken].map((folder) => Deno.remove(folder, { recursive: true })));
  }
});

Deno.test("publish: without its topic the verdict is the same, stderr says why, and none is created", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const fixture = await published(createFixture(SCENARIOS, "untold."), directory);
    const topic = fixture.names.topic(AUDIT_REPORTS);
    const kafka = createClient({ brokers: [broker.bootstrap] }, "test");
    const exists = () =>
      withAdmin(kafka, async (admin) => (await admin.listTopics()).includes(topic));
    await withAdmin(kafka, (admin) => admin.deleteTopics({ topics: [topic] }));
    await until("it is gone", async () => !await exists());
    const { code, stdout, stderr } = await audit(fixture, directory);
    assertEquals([code, JSON.parse(stdout).passed], [0, true]);
    assertMatch(
      stderr,
      /^audit: its report is not published: there is no topic untold\.audit\.reports: `deno task topics` creates it\n$/,
    );
    assert(!await exists());
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
