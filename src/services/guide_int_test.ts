/**
 * docs/write-a-service.md as somebody follows it: its blocks are applied to a copy of the checkout, which
 * must then compile, be complete and pass the new service's tests.
 */
import { assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { dirname, join } from "node:path";
import { PROCESSORS } from "../topology.ts";

const PROJECT = new URL("../../", import.meta.url).pathname;
const COPIED = [
  "src",
  "charts",
  "docs",
  "vendor",
  "deploy",
  "compose.yaml",
  "deno.json",
  "deno.lock",
  ".env.example",
];

interface Block {
  readonly file: string;
  readonly language: string;
  readonly text: string;
}

const PROPERTIES = "src/audit/audit_property_test.ts";

/** Blocks that a line with a file's name announces. */
function blocksOf(guide: string): Block[] {
  const blocks = guide.matchAll(/^\*\*`(\S+)`\*\*\n\n```(\w+)\n(.*?)^```$/gms);
  return [...blocks].map(([, file, language, text]) => ({
    file: file!,
    language: language!,
    text: text!,
  }));
}

/**
 * Applies a block's hunks: what is neither added nor taken out says where.
 *
 * @throws {Error} such lines are not in the file, or more than once
 */
function applied(text: string, { file, text: diff }: Block): string {
  for (const hunk of diff.split(/^@@\n/m)) {
    const lines = hunk.trimEnd().split("\n");
    const without = (mark: string) =>
      lines.filter((line) => !line.startsWith(mark)).map((line) => `${line.slice(1)}\n`).join("");
    const parts = text.split(`\n${without("+")}`);
    if (parts.length !== 2) {
      const times = parts.length === 1 ? "not there" : "there more than once";
      throw new Error(
        `${file}: this block of the guide does not apply, its lines are ${times}:\n${hunk}`,
      );
    }
    text = parts.join(`\n${without("-")}`);
  }
  return text;
}

async function follow(guide: string, directory: string): Promise<void> {
  for (const block of blocksOf(guide)) {
    const path = join(directory, block.file);
    if (block.language === "sh") {
      const before = await Deno.readTextFile(path);
      const [program, ...args] = block.text.trim().split(" ");
      assertEquals(program, "deno");
      const command = new Deno.Command(Deno.execPath(), { args, cwd: directory });
      assertEquals((await command.output()).code, 0, block.text);
      assertNotEquals(
        await Deno.readTextFile(path),
        before,
        `${block.text} left ${path} as it was`,
      );
    } else if (block.language === "diff") {
      await Deno.writeTextFile(path, applied(await Deno.readTextFile(path), block));
    } else {
      await Deno.mkdir(dirname(path), { recursive: true });
      await Deno.writeTextFile(path, block.text, { createNew: true });
    }
  }
}

/** A test of the new service, for what the audit and the trace say of events that they do not know. */
const DEFAULTS = `
import { assert, assertEquals } from "@std/assert";
import type { FraudScored } from "../events/schemas.ts";
import { describeEvent } from "../order_history/summary.ts";
import { passed, reportLines } from "./report.ts";
import { drop } from "./testing/case.ts";
import { createFixture, type Scenario } from "./testing/scenarios.ts";
import { addDeadLetter, appendCopy, appendRecord, eventIn, eventsOf, type Fixture, orderId, rewrite } from "./testing/fixture.ts";
import { auditFixture, checkOf } from "./testing/audit_fixture.ts";

async function auditOf(mutate: (fixture: Fixture) => void, scenario: Scenario = "confirmed") {
  const fixture = createFixture([scenario]);
  mutate(fixture);
  return await auditFixture(fixture);
}

const scoreIn = (fixture: Fixture) => eventsOf(fixture, 0, "FraudScored")[0]!;
const unscored = [{
  who: orderId(0),
  what: "fraud has not answered orders.validated 0@0",
}];

Deno.test("audit: names the order of a FraudScored that is missing", async () => {
  assert(passed(await auditOf(() => {})));
  const report = await auditOf((fixture) => drop(fixture, scoreIn(fixture)));
  assertEquals(checkOf(report, "answered").offenders, unscored);
  const lines = reportLines(report).join("\\n");
  assert(lines.includes("r1-000000: fraud has not answered orders.validated 0@0"), lines);
  assert(!passed(report));
});

Deno.test("audit: another service's dead letter excuses no FraudScored, and fraud's excuses only it", async () => {
  const parked = await auditOf((fixture) => drop(fixture, scoreIn(fixture)), "parked");
  assertEquals(checkOf(parked, "answered").offenders, unscored);
  const refused = (...also: ("OrderConfirmed" | "PaymentProcessed")[]) => auditOf((fixture) => {
    const validated = eventsOf(fixture, 0, "OrderValidated")[0]!;
    addDeadLetter(fixture, "fraud", validated, "processing_failed");
    drop(fixture, scoreIn(fixture), ...also.map((type) => eventsOf(fixture, 0, type)[0]));
  });
  assert(passed(await refused()));
  assertEquals(checkOf(await refused("OrderConfirmed"), "outcome").failures, 1);
  assertEquals(checkOf(await refused("PaymentProcessed"), "answered").failures, 1);
});

Deno.test("audit: an event of any type at most once an order, and of an order that was placed", async () => {
  const twice = await auditOf((fixture) => void appendCopy(fixture, scoreIn(fixture)));
  assertEquals(checkOf(twice, "twice").offenders[0]!.what, "FraudScored again, at fraud.events 0@1");
  const elsewhere = await auditOf((fixture) =>
    rewrite(fixture, appendCopy(fixture, scoreIn(fixture)), { orderId: orderId(9) })
  );
  assertEquals(checkOf(elsewhere, "orderless").failures, 1);
});

Deno.test("audit: a message that no processor reads is an event of its topic, too", async () => {
  const broken = new TextEncoder().encode("{");
  const report = await auditOf((fixture) =>
    void appendRecord(fixture, "fraud.events", 0, orderId(0), broken)
  );
  const [offender] = checkOf(report, "readable").offenders;
  assert(offender?.what.startsWith("fraud.events 0@1 is no FraudScored (invalid_json: "));
  assert(offender.what.endsWith("), and no service has a dead letter for it"));
});

Deno.test("audit: a row in each order table for each order that was answered", async () => {
  const tables = (fixture: Fixture) => fixture.tables as Record<string, { order_id: string }[]>;
  const without = await auditOf((fixture) => tables(fixture).scores!.pop());
  assertEquals(checkOf(without, "rows").offenders, [
    { who: orderId(0), what: "fraud answered it, but fraud.scores has no row for it" },
  ]);
  const more = await auditOf((fixture) => {
    tables(fixture).scores = [{ order_id: orderId(0) }];
  }, "rejected");
  assertEquals(checkOf(more, "rows").offenders, [
    { who: orderId(0), what: "fraud.scores has a row for it, but nothing asked fraud about it" },
  ]);
});

Deno.test("describeEvent: the fields of an event that has no summary of its own", () => {
  const score = eventIn(scoreIn(createFixture(["confirmed"]))) as FraudScored;
  assertEquals(
    describeEvent({ ...score, score: 20, rules: ["new_customer"] }),
    'score 20, rules ["new_customer"]',
  );
});
`;

/** A score of the guide's service, in a folder that stays. */
const BEFORE_UPGRADE = `
import { openDatabase } from "../../database/open.ts";
import { recordScores, scores } from "./store.ts";

Deno.test("a score of before", async () => {
  const database = await openDatabase({ directory: "before", owner: "fraud", tables: [scores] });
  const times = { placed_at: "2026-01-01T00:00:00.000Z", scored_at: "2026-01-01T00:00:01.000Z" };
  await recordScores(database, [{ order_id: "o-1", score: 20, rules: "[]", ...times }]);
  await database.close();
});
`;

/** The same folder, after docs/migrations.md. */
const UPGRADED = `
import { assertEquals } from "@std/assert";
import { openDatabase } from "../../database/open.ts";
import { all } from "../../database/testing/stores.ts";
import { databasesOf } from "../service.ts";
import { service } from "./service.ts";
import { scores } from "./store.ts";

Deno.test("the score of before is upgraded", async () => {
  const [own] = databasesOf(service);
  const database = await openDatabase({ directory: "before", ...own! });
  const rows = await all(database, scores);
  assertEquals(rows.map((row) => [row.order_id, row.score, row.rules_version]), [["o-1", 20, 1]]);
  await database.close();
});
`;

Deno.test("write-a-service.md: followed step by step, it makes a service that is complete", async (t) => {
  // The guide begins with the services that the project ships; with yours among them it is behind you.
  if (PROCESSORS.join() !== "validator,inventory,payment,fulfillment") return;
  const directory = await Deno.makeTempDir({ prefix: "orderflow-guide-" });
  const run = async (...args: string[]) => {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args,
      cwd: directory,
      env: { NO_COLOR: "1" },
    }).output();
    const said = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)).join("");
    assertEquals(code, 0, `deno ${args.join(" ")}:\n${said.replaceAll(/^Check .*\n/gm, "")}`);
    return said;
  };
  const test = (...args: string[]) =>
    run("test", "--no-prompt", "--no-check", "--allow-all", ...args);
  const step = (name: string, work: () => Promise<unknown>) =>
    t.step(name, async () => void await work());
  try {
    for (const name of COPIED) {
      await new Deno.Command("cp", { args: ["-R", join(PROJECT, name), directory] }).output();
    }
    const followed = await step("its blocks apply", async () => {
      await follow(await Deno.readTextFile(`${PROJECT}docs/write-a-service.md`), directory);
    });
    if (!followed) return;
    await step("all compiles and is in order", async () => {
      await run("check", "src", "charts");
      await run("lint", "src/services/fraud");
      await run("fmt", "--check", "src/services/fraud", "src/topology.ts", "src/events");
    });
    await step("nothing is missing", () => test("src/services/complete_test.ts"));
    await step("what follows from the topology does", () =>
      test(
        ...[
          "src/events",
          "src/order_history",
          "src/services/analytics/page/pipeline/layout_test.ts",
        ],
        ...["src/commands/groups/published_test.ts", "src/contract/compare_test.ts"],
        "src/testing/compose_test.ts",
      ));
    await step("the audit and the trace know the new service without a change", async () => {
      await Deno.writeTextFile(join(directory, "src/audit/fraud_test.ts"), DEFAULTS);
      // The others start a broker, or go through all changes and queries, which are the same as without it.
      const others = ["**/*_int_test.ts", "src/audit/queries_test.ts", PROPERTIES];
      await test("--parallel", `--ignore=${others}`, "src/audit");
      await test("--filter", "/every sound fixture|change to any fixture/", PROPERTIES);
    });
    await step("its own tests pass", () => test("src/services/fraud"));
    await step("migrations.md changes its table, and keeps what is in it", async () => {
      const scratch = join(directory, "src/services/fraud/upgrade_test.ts");
      await Deno.writeTextFile(scratch, BEFORE_UPGRADE);
      await test(scratch);
      await follow(await Deno.readTextFile(`${PROJECT}docs/migrations.md`), directory);
      await Deno.writeTextFile(scratch, UPGRADED);
      await run(
        "fmt",
        "--check",
        "src/services/fraud",
        "--ignore=src/services/fraud/upgrade_test.ts",
      );
      await run("check", "src/services/fraud");
      await test(scratch, "src/services/fraud");
    });
    await step("the tests of all services take it along", async () => {
      const said = await test(
        ...["--filter", "/^fraud:/"],
        ...["src/services/database_first_int_test.ts", "src/services/broken_store_int_test.ts"],
      );
      assertMatch(said, /^fraud: orders.validated: a table that is gone .* ok /m);
      assertMatch(said, /^fraud: orders.validated: whichever answer .* ok /m);
    });
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
