import { assert, assertEquals, assertMatch } from "@std/assert";
import type { AuditReport } from "./audit.ts";
import { CHECK_NAMES, type CheckName, CHECKS } from "./books/findings.ts";
import { passed, reportJson, reportLines } from "./report.ts";
import { drop } from "./testing/case.ts";
import { CASES } from "./testing/cases.ts";
import { createWorld, FATES } from "./testing/orders.ts";
import {
  appendCopy,
  appendRecord,
  auditWorld,
  bury,
  eventIn,
  eventsOf,
  judge,
  orderId,
  partitionOf,
  placeIn,
} from "./testing/world.ts";

function checkOf({ checks }: AuditReport, name: CheckName) {
  const [guarantee, title] = CHECKS[name];
  return checks!.find((check) => check.guarantee === guarantee && check.title === title)!;
}

Deno.test("audit: a world in which all is well passes, whatever became of its orders", async () => {
  const report = await auditWorld(createWorld(FATES));
  assertEquals(report.checks?.filter((check) => !check.passed), []);
  assert(passed(report));
});

for (const { name, spoil, fails, who, says = /^/ } of CASES) {
  Deno.test(`audit: fails and names it: ${name}`, async () => {
    const world = createWorld(FATES);
    spoil(world);
    const report = await auditWorld(world);
    assert(!passed(report));
    const offenders = fails.flatMap((name) => {
      const check = checkOf(report, name);
      assert(!check.passed, `${name} must fail`);
      return check.offenders;
    });
    assert(
      offenders.some((one) => one.who.startsWith(who) && says.test(one.what)),
      `none names ${who} and says ${says}, but ${JSON.stringify(offenders)}`,
    );
    assert(reportLines(report).some((line) => line.includes(who)));
  });
}

Deno.test("audit: fails without a topic, or with one that has lost its beginning", async () => {
  const cut = createWorld(["rejected"]);
  const first = 7;
  const place = placeIn("t.orders.raw", 0);
  cut.records = cut.records.map((record) =>
    record.topic === "t.orders.raw" ? { ...record, offset: record.offset + first } : record
  );
  cut.ends.set(place, first + 1);
  cut.committed.validator.set(place, first + 1);
  for (
    const [what, world, log] of [
      ["t.payment.events", createWorld(["rejected"]), { missing: "t.payment.events" }],
      [place, cut, { first: new Map([["t.orders.raw", first]]) }],
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
  const report = await auditWorld(world);
  assert(!checkOf(report, "acknowledged").passed);
});

Deno.test("audit: says of a thousand failures the first five, and how many there are", async () => {
  const world = createWorld(Array.from({ length: 1_000 }, () => "confirmed" as const));
  world.records = world.records.filter((record) => eventIn(record)?.type !== "OrderConfirmed");
  const report = await auditWorld(world);
  const check = checkOf(report, "outcome");
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
    inventory: {
      processing_failed: { open: 2, replayed: 2, discarded: 0 },
      invalid_json: { open: 1, replayed: 0, discarded: 0 },
    },
    payment: { invalid_json: { open: 1, replayed: 1, discarded: 0 } },
    fulfillment: { processing_failed: { open: 0, replayed: 1, discarded: 0 } },
  });
  assertEquals(report.events.OrderConfirmed, 5);
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

Deno.test("audit: what asks nothing of a service may lie above its committed offset", async () => {
  for (
    const [fate, service, topic, offset] of [
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
    const world = createWorld([fate]);
    world.committed[service].set(placeIn(`t.${topic}`, 0), offset);
    assert(passed(await auditWorld(world)), `${fate}: ${service} at ${offset} of ${topic}`);
  }
});

Deno.test("audit: what a service has not read is unfinished, and nothing is ahead", async () => {
  for (
    const [service, topic, fate, answer] of [
      ["validator", "orders.raw", "rejected", "OrderRejected"],
      ["fulfillment", "payment.events", "confirmed", "OrderConfirmed"],
      ["fulfillment", "inventory.events", "confirmed", "OrderConfirmed"],
      ["payment", "orders.outcomes", "out_of_stock", "PaymentRefunded"],
    ] as const
  ) {
    const world = createWorld([fate]);
    drop(world, eventsOf(world, 0, answer)[0]);
    world.committed[service].set(placeIn(`t.${topic}`, 0), 0);
    const report = await auditWorld(world);
    assert(!passed(report));
    assert(checkOf(report, "ahead").passed, `${service} at 0 of ${topic}`);
  }
  const world = createWorld(["confirmed"]);
  const { offset } = appendRecord(world, "orders.raw", 0, "o-1", new Uint8Array([0xff]));
  world.committed.validator.set(placeIn("t.orders.raw", 0), offset);
  const report = await auditWorld(world);
  assertEquals(
    report.checks!.filter((check) => !check.passed).map(({ title }) => title),
    [CHECKS.messages[1]],
  );
});

Deno.test("audit: offsets that are committed while it reads are neither ahead nor behind", async () => {
  const world = createWorld(["confirmed"]);
  const [early, late] = [createWorld([]).committed, world.committed];
  const none = await auditWorld(world, { committed: (time) => time === 0 ? early : late });
  assert(passed(none));
  // What was answered after its topic was read is unfinished.
  drop(world, eventsOf(world, 0, "OrderConfirmed")[0]);
  const some = await auditWorld(world, { committed: (time) => time === 0 ? early : late });
  assert(checkOf(some, "ahead").passed && checkOf(some, "behind").passed);
});

Deno.test("audit: looks again, for a while, where an offset seems to be behind", async () => {
  const world = createWorld(["confirmed"]);
  const [early, late] = [createWorld([]).committed, world.committed];
  const committed = (time: number) => time === 1 ? early : late;
  assert(passed(await auditWorld(world, { committed, patienceMs: 5_000 })));
  assert(!passed(await auditWorld(world, { committed, patienceMs: 0 })));
});

Deno.test("audit: fails where services had still to read when their time was up", async () => {
  const sound = await auditWorld(createWorld(FATES));
  const broken = await auditWorld(createWorld([]));
  const topics = { group: "t.payment", topic: "t.orders.validated" };
  const waiting = [
    { ...topics, partition: 0, messages: 1_200 },
    { ...topics, partition: 2, messages: 3 },
    { ...topics, topic: "t.orders.outcomes", partition: 1, messages: 1 },
  ];
  const report = { ...sound, notAtRest: { afterS: 30, waiting } };
  assert(!passed(report));
  assertEquals(reportLines(report).slice(-3), [
    "     not at rest after 30 s: t.payment: in t.orders.validated 1,203 to read: 1,200 in " +
    "partition 0, 3 in partition 2",
    "     not at rest after 30 s: t.payment: in t.orders.outcomes 1 to read: 1 in partition 1",
    "AUDIT FAILED: all checks hold; not everything was read in time",
  ]);
  assertEquals(JSON.parse(reportJson(report)).passed, false);
  const moving = { ...broken, notAtRest: { afterS: 1, waiting: [] } };
  assertMatch(
    reportLines(moving).join("\n"),
    /not at rest after 1 s: .* more keeps coming\nAUDIT F/,
  );
});

Deno.test("audit: says of each check how much it has looked at", async () => {
  const report = await auditWorld(createWorld(FATES));
  const counts = CHECK_NAMES.map((name) => [name, checkOf(report, name).counts]);
  assertEquals(Object.fromEntries(counts), {
    whole: { topics: 9 },
    acknowledged: { runs: 1, acknowledged: 16 },
    messages: { messages: 19, orders: 13, "dead letters": 6 },
    outcome: {
      orders: 13,
      confirmed: 5,
      cancelled: 5,
      rejected: 2,
      "waiting for a dead letter": 3,
    },
    ahead: { "committed offsets": 21 },
    orderless: { events: 52 },
    twice: { events: 52 },
    behind: { "committed offsets": 21 },
    readable: { messages: 52, "dead letters": 2 },
    partition: { orders: 13 },
    validated: { validated: 11, rejected: 2 },
    answers: { reserved: 8, refused: 2, paid: 7, failed: 4 },
    confirmed: { confirmed: 5 },
    cancelled: { cancelled: 5 },
    joins: { rows: 11 },
    stock: { products: 3 },
    items: { reserved: 8, released: 2 },
    released: { cancelled: 5, released: 2 },
    reservations: { rows: 10 },
    amounts: { payments: 11, confirmed: 5 },
    refunded: { cancelled: 5, refunded: 1 },
    balance: { "EUR cents": 1_424, "USD cents": 3_400 },
    payments: { rows: 11 },
    gateway: { rows: 11 },
    letters: { open: 7, replayed: 6, discarded: 1 },
    replays: { replayed: 6 },
  });
});

Deno.test("audit: stock may be sold out, and a letter that was settled may be wrong", async () => {
  const world = createWorld(["rejected", "confirmed", "confirmed"]);
  for (const row of world.tables.stock) {
    row.initial = Number(row.initial) - Number(row.on_hand);
    row.on_hand = 0;
  }
  const again = appendCopy(world, eventsOf(world, 1, "OrderPlaced")[0]!);
  judge(world, bury(world, "validator", again, "invalid_json"), "discarded");
  const report = await auditWorld(world);
  assert(passed(report), reportLines(report).join("\n"));
  // By name, whichever was met first.
  assertEquals(Object.keys(checkOf(report, "balance").counts), ["EUR cents", "USD cents"]);
});

Deno.test("audit: money paid for an order that waits for a dead letter is held, not missing", async () => {
  const world = createWorld(["confirmed", "parked", "parked", "out_of_stock"]);
  // Confirmed and refunded orders hold nothing, whatever letters there are about them.
  for (const n of [0, 3]) {
    const broken = new TextEncoder().encode("{");
    const raw = appendRecord(world, "payment.events", partitionOf(n), orderId(n), broken);
    bury(world, "fulfillment", raw, "invalid_json");
  }
  assert(passed(await auditWorld(world)));
  world.tables.charges[0]!.refunded_cents = 1;
  const said = checkOf(await auditWorld(world), "gateway").offenders.map(({ what }) => what);
  const charged =
    "the gateway charged 19.04 EUR and gave back 0.01 EUR: confirmed 7.00 EUR, held by " +
    "dead letters 12.04 EUR";
  assert(said.includes(charged), said.join("\n"));
});
