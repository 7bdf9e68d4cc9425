import { assert, assertEquals, assertMatch } from "@std/assert";
import { CHECK_NAMES } from "./checks.ts";
import { PROCESSORS, TOPIC_NAMES } from "../topology.ts";
import { nameOf, otherOrderTables } from "./coverage.ts";
import { KINDS, READINGS } from "./duties.ts";
import type { Judged } from "./judge.ts";
import { passed, reportJson, reportLines } from "./report.ts";
import { createFixture, SCENARIOS } from "./testing/scenarios.ts";
import { eventIn, orderId, PARTITIONS, type TableName } from "./testing/fixture.ts";
import { auditFixture, checkOf } from "./testing/audit_fixture.ts";
import { isByAnother } from "./testing/other_services.ts";

Deno.test("audit: says of a thousand failures the first five, and how many there are", async () => {
  const fixture = createFixture(Array.from({ length: 1_000 }, () => "confirmed" as const));
  fixture.records = fixture.records.filter((record) => eventIn(record)?.type !== "OrderConfirmed");
  const report = await auditFixture(fixture);
  const check = checkOf(report, "outcome");
  assertEquals(check.failures, 1_000);
  assertEquals(check.offenders.length, 5);
  const first = check.offenders[0]!;
  assertEquals(first.who, orderId(0));
  assertMatch(
    first.what,
    /no outcome; seen: OrderPlaced, OrderValidated, InventoryReserved, Payment/,
  );
  assert(reportLines(report).includes("       and 995 more"));
});

Deno.test("audit: reports dead letters by service, reason and state, and events by type", async () => {
  const report = await auditFixture(createFixture(SCENARIOS));
  const { validator, inventory, payment, fulfillment } = report.deadLetters;
  assertEquals<unknown>({ validator, inventory, payment, fulfillment }, {
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
  assertEquals(reportLines(report).filter((line) => /^ {5}dlq\.(val|inv)/.test(line)), [
    "     dlq.validator invalid_json: 2 open, 1 replayed, 1 discarded",
    "     dlq.validator duplicate_order: 1 open, 0 replayed, 0 discarded",
    "     dlq.validator processing_failed: 0 open, 1 replayed, 0 discarded",
    "     dlq.inventory processing_failed: 2 open, 2 replayed, 0 discarded",
    "     dlq.inventory invalid_json: 1 open, 0 replayed, 0 discarded",
  ]);
  assertEquals(report.events.OrderConfirmed, 5);
  assertEquals(JSON.parse(reportJson(report)).passed, true);
});

Deno.test("audit: fails where services had still to read when their time was up", async () => {
  const sound = await auditFixture(createFixture(SCENARIOS));
  const broken = await auditFixture(createFixture([]));
  const topics = { group: "t.payment", topic: "t.orders.validated" };
  const waiting = [
    { ...topics, partition: 2, messages: 3 },
    { ...topics, partition: 0, messages: 1_200 },
    { ...topics, topic: "t.orders.outcomes", partition: 1, messages: 1 },
  ];
  const report = { ...sound, notAtRest: { afterS: 30, waiting } };
  assert(!passed(report));
  assertEquals(reportLines(report).slice(-3), [
    "     not at rest after 30 s: t.payment has 1,203 of t.orders.validated to read: 1,200 in 0, 3 in 2",
    "     not at rest after 30 s: t.payment has 1 of t.orders.outcomes to read: 1 in 1",
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
  const fixture = createFixture(SCENARIOS);
  const report = await auditFixture(fixture);
  // Of services of your own: each message that asks something of one has its answer.
  const more = fixture.records.filter((record) => isByAnother(eventIn(record))).length;
  const orderTables = otherOrderTables(fixture.serviceTables);
  const readers = READINGS.filter(({ service, topic }) =>
    topic === "orders.validated" && service !== "payment"
  );
  const counts = CHECK_NAMES.map((name) => [name, checkOf(report, name).counts]);
  assertEquals(Object.fromEntries(counts), {
    covered: {
      events: KINDS.length,
      topics: TOPIC_NAMES.length + PROCESSORS.length,
      "consumer groups": PROCESSORS.length,
      tables: 5 + orderTables.length,
      exceptions: 4,
    },
    whole: { topics: TOPIC_NAMES.length + PROCESSORS.length },
    acknowledged: { runs: 1, acknowledged: 16 },
    messages: { messages: 19, orders: 13, "dead letters": 6 },
    outcome: {
      orders: 13,
      confirmed: 5,
      cancelled: 5,
      rejected: 2,
      "waiting for a dead letter": 2,
    },
    answered: { messages: 64 + more },
    deleted: { partitions: 0 },
    ahead: { "committed offsets": READINGS.length * PARTITIONS },
    orderless: { events: 52 + more },
    twice: { events: 52 + more },
    behind: { "committed offsets": READINGS.length * PARTITIONS },
    readable: { messages: 52 + more, "dead letters": 2 },
    partition: { orders: 13 },
    validated: { validated: 11, rejected: 2 },
    answers: { reserved: 8, refused: 2, paid: 7, failed: 4 },
    confirmed: { confirmed: 5 },
    cancelled: { cancelled: 5 },
    joins: { rows: 11 },
    rows: Object.fromEntries(orderTables.map((one) => [
      nameOf(one),
      fixture.tables[one.table.name as TableName].length,
    ])),
    stock: { products: 3 },
    items: { reserved: 8, released: 2 },
    released: { cancelled: 5, released: 2 },
    reservations: { rows: 10 },
    amounts: { payments: 11, confirmed: 5 },
    refunded: { cancelled: 5, refunded: 1 },
    balance: { "EUR cents": 1_424, "USD cents": 3_400 },
    payments: { rows: 11 },
    gateway: { rows: 11 },
    // One of them is of each service but payment that reads orders.validated.
    deadLetters: { open: 6 + readers.length, replayed: 6, discarded: 1 },
    replays: { replayed: 6 },
  });
  assertEquals(Object.keys(checkOf(report, "balance").counts), ["EUR cents", "USD cents"]);
});

Deno.test("audit: notes a run that the simulator did not finish", async () => {
  const fixture = createFixture(["confirmed"]);
  fixture.tables.runs[0]!.finished_at = null;
  const report = await auditFixture(fixture);
  assert(passed(report));
  assertEquals(reportLines(report).slice(-2), [
    "     note: run r1 has not finished: 1 acknowledged, none on their way",
    `AUDIT PASSED: all ${CHECK_NAMES.length} checks hold`,
  ]);
});

Deno.test("reportLines: a line a check, its first failures below it, then what else there is to say", () => {
  const offenders = [{ who: "o-1", what: "no outcome" }, { who: "o\u001b-2", what: "twice" }];
  const check = (guarantee: string, title: string, counts: Judged["counts"], failures: number) => ({
    ...{ guarantee, title, counts, failures },
    passed: failures === 0,
    offenders: failures === 0 ? [] : offenders,
  });
  const report = {
    checks: [
      check("G1", "all is there", { orders: 1_200, "dead letters": 2 }, 0),
      check("G2", "nothing twice", {}, 1_007),
      check("G3", "no more", { rows: 1 }, 2),
    ],
    events: {},
    deadLetters: { payment: { invalid_json: { open: 3, replayed: 2, discarded: 1 } } },
    scope: {
      topics: {
        "orders.raw": [{ partition: 0, first: 1_000, end: 1_200 }, {
          partition: 1,
          first: 0,
          end: 7,
        }],
        "orders.outcomes": [{ partition: 0, first: 0, end: 9 }],
      },
      orders: 100,
      older: 1_100,
      since: "2026-01-01T00:00:00.000Z",
      newer: 12,
    },
    notCovered: ["table a.b is empty"],
    notes: ["a note"],
  };
  assertEquals(reportLines(report), [
    "PASS G1 all is there: orders 1,200, dead letters 2",
    "FAIL G2 nothing twice: none; 1,007 wrong",
    "       o-1: no outcome",
    "       o\\u{1b}-2: twice",
    "       and 1,005 more",
    "FAIL G3 no more: rows 1; 2 wrong",
    "       o-1: no outcome",
    "       o\\u{1b}-2: twice",
    "     dlq.payment invalid_json: 3 open, 2 replayed, 1 discarded",
    "     scope: orders placed after 2026-01-01T00:00:00.000Z; before that messages are deleted, and " +
    "1,100 older orders are not judged",
    "     scope: orders.raw has offsets 1,000 to 1,200 in 0, 0 to 7 in 1",
    "     scope: 12 orders placed while it was made are not judged, nor is the stock on hand",
    "     not covered: table a.b is empty",
    "     note: a note",
    "AUDIT FAILED: 2 of 3 checks",
  ]);
});
