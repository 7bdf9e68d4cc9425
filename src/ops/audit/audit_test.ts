import { assert, assertEquals, assertMatch } from "@std/assert";
import { CHECKS } from "./books/findings.ts";
import { passed, reportJson, reportLines } from "./report.ts";
import { CASES, drop } from "./testing/cases.ts";
import { createWorld, FATES } from "./testing/orders.ts";
import { auditWorld, eventIn, eventsOf, orderId } from "./testing/world.ts";

Deno.test("audit: a world in which all is well passes, whatever became of its orders", async () => {
  const report = await auditWorld(createWorld(FATES));
  assertEquals(report.checks?.filter((check) => !check.passed), []);
  assert(passed(report));
});

for (const { name, spoil, fails, who } of CASES) {
  Deno.test(`audit: fails and names it: ${name}`, async () => {
    const world = createWorld(FATES);
    spoil(world);
    const report = await auditWorld(world);
    assert(!passed(report));
    for (const check of fails) {
      const [guarantee, title] = CHECKS[check];
      const found = report.checks?.find((c) => c.guarantee === guarantee && c.title === title);
      assertEquals(found?.passed, false, `${check} must fail`);
    }
    const named = report.checks!.flatMap(({ offenders }) => offenders.map((o) => o.who));
    assert(named.some((name) => name.startsWith(who)), `nothing names ${who}, but ${named}`);
    assert(reportLines(report).some((line) => line.includes(who)));
  });
}

Deno.test("audit: fails without a topic, or with one that has lost its beginning", async () => {
  const world = createWorld(["rejected"]);
  for (
    const [what, log] of [
      ["t.payment.events", { missing: "t.payment.events" }],
      ["t.orders.raw 1", { first: new Map([["t.orders.raw", 7]]) }],
    ] as const
  ) {
    const { checks } = await auditWorld(world, log);
    const failed = checks!.filter((check) => !check.passed);
    assertEquals(failed.map(({ title }) => title), [CHECKS.whole[1]]);
    assert(failed[0]!.offenders.some(({ who }) => who === what));
  }
});

Deno.test("audit: the cases above make every check fail", () => {
  const covered = new Set<string>(["whole", ...CASES.flatMap(({ fails }) => fails)]);
  assertEquals(Object.keys(CHECKS).filter((check) => !covered.has(check)), []);
});

Deno.test("audit: proves nothing where nothing was placed", async () => {
  const report = await auditWorld(createWorld([]));
  assert(!passed(report));
  assertEquals(report.checks, undefined);
  assertMatch(reportLines(report).join("\n"), /nothing to audit: no order was ever placed/);
});

Deno.test("audit: a wiped log does not hide that orders were acknowledged", async () => {
  const world = createWorld(["confirmed"]);
  world.records = [];
  const { checks } = await auditWorld(world);
  assertEquals(checks?.find(({ title }) => title === CHECKS.acknowledged[1])?.passed, false);
});

Deno.test("audit: says of a thousand failures the first five, and how many there are", async () => {
  const world = createWorld(Array.from({ length: 1_000 }, () => "confirmed" as const));
  world.records = world.records.filter((record) => eventIn(record)?.type !== "OrderConfirmed");
  const report = await auditWorld(world);
  const check = report.checks!.find(({ title }) => title === CHECKS.outcome[1])!;
  assertEquals(check.failures, 1_000);
  assertEquals(check.offenders.length, 5);
  const first = check.offenders[0]!;
  assertEquals(first.who, orderId(0));
  assertMatch(
    first.what,
    /no outcome; seen: OrderValidated, InventoryUpdated \(reserved\), Payment/,
  );
  assert(reportLines(report).includes("       and 995 more"));
});

Deno.test("audit: reports dead letters by service, reason and state, and events by type", async () => {
  const report = await auditWorld(createWorld(FATES));
  assertEquals(report.deadLetters, {
    validator: {
      duplicate_order: { open: 1, replayed: 0, discarded: 0 },
      invalid_json: { open: 2, replayed: 1, discarded: 1 },
      processing_failed: { open: 0, replayed: 1, discarded: 0 },
    },
    inventory: { processing_failed: { open: 1, replayed: 1, discarded: 0 } },
    payment: {},
    fulfillment: {},
  });
  assertEquals(report.events.OrderConfirmed, 4);
  assertEquals(JSON.parse(reportJson(report)).passed, true);
});

Deno.test("audit: an order that a run did not record is audited like any other", async () => {
  const world = createWorld(["confirmed", "rejected"]);
  world.tables.runs.length = 0;
  const report = await auditWorld(world);
  assert(passed(report));
  assertMatch(reportLines(report).join("\n"), /no run of the simulator is recorded/);
  drop(world, eventsOf(world, 1, "OrderRejected")[0]);
  assert(!passed(await auditWorld(world)));
});

Deno.test("audit: says of a run that was cut off what was on its way, and what of it arrived", async () => {
  const world = createWorld(["confirmed", "broken", "rejected"]);
  world.tables.runs[0] = { run_id: "r1", acknowledged: 1, finished_at: null };
  const notesOf = async () => {
    const report = await auditWorld(world);
    assert(passed(report), reportLines(report).join("\n"));
    return report.notes;
  };
  world.tables.placements[0]!.placed = 1_501;
  assertEquals(await notesOf(), [
    "run r1 has not finished: 1 acknowledged, 1,500 more on their way, of which 2 arrived",
  ]);
  // As an older simulator left it.
  world.tables.placements = [];
  assertEquals(await notesOf(), [
    "run r1 has not finished: 1 acknowledged; how many more were on their way is not recorded",
  ]);
});

Deno.test("audit: orders that are placed while it reads are no fault", async () => {
  const world = createWorld(["confirmed", "confirmed"]);
  world.tables.runs[0] = { run_id: "r1", acknowledged: 1, finished_at: null };
  world.tables.placements[0]!.placed = 1;
  const { records } = world;
  Object.defineProperty(world, "records", {
    get() {
      world.tables.placements[0]!.placed = 2;
      return records;
    },
  });
  const report = await auditWorld(world);
  assert(passed(report), reportLines(report).join("\n"));
});
