/** Over the audit's fixture, in which all is well until a test spoils it. */
import { assert, assertEquals } from "@std/assert";
import {
  addDeadLetter,
  append,
  appendCopy,
  eventsOf,
  type Fixture,
  orderId,
  placeIn,
  rewrite,
  type TableName,
} from "../../audit/testing/fixture.ts";
import { createFixture, type Scenario } from "../../audit/testing/scenarios.ts";
import type { Row, Table } from "../../database/database.ts";
import type { LogRecord } from "../../kafka/records.ts";
import { PROCESSORS, TOPIC_NAMES, topicsReadBy } from "../../topology.ts";
import type { Evidence } from "./evidence.ts";
import { violationsOf } from "./promises.ts";

const SCENARIOS: readonly Scenario[] = [
  "confirmed",
  "out_of_stock",
  "card_declined",
  "both_refused",
  "rejected",
  "placed_twice",
  "broken",
];
const N = Object.fromEntries(SCENARIOS.map((name, n) => [name, n])) as Record<Scenario, number>;

const drop = (fixture: Fixture, ...records: LogRecord[]) => {
  fixture.records = fixture.records.filter((record) => !records.includes(record));
};
const row = (fixture: Fixture, table: keyof Fixture["tables"], key: string) =>
  fixture.tables[table].find((each) => Object.values(each)[0] === key)!;

function refundsOf({ tables }: Fixture) {
  return tables.charges.filter(({ refunded_cents }) => Number(refunded_cents) > 0)
    .map(({ refunded_cents }) => ({ amount_cents: refunded_cents! }));
}

/** The fixture names none: an order's first message, unless a test says another. */
function sourcesOf({ tables, records }: Fixture) {
  return tables.seen_orders.map((row) => {
    const first = records.find(({ topic, key }) =>
      topic === "orders.raw" && new TextDecoder().decode(key!) === row.order_id
    );
    return { source_partition: first?.partition, source_offset: first?.offset, ...row };
  });
}

function evidenceOf(fixture: Fixture): Evidence {
  const { records, committed, tables } = fixture;
  const recordsOf = (topic: string) =>
    records.filter((record) => record.topic === topic).map((record): LogRecord => {
      const traceparent = new TextDecoder().decode(record.key!);
      return { ...record, headers: { ...record.headers, traceparent } };
    });
  return {
    placed: SCENARIOS.map((_, n) => ({
      orderId: orderId(n),
      traceparent: orderId(n),
      acknowledged: true,
    })),
    records: recordsOf,
    deadLetters: (service) => recordsOf(`dlq.${service}`),
    copies: [],
    rows<T extends Table>(owner: string, { name }: T) {
      if (name === "positions") return (fixture.positions.get(owner) ?? []) as Row<T>[];
      if (name === "seen_orders") return sourcesOf(fixture) as unknown as Row<T>[];
      return (name === "refunds" ? refundsOf(fixture) : tables[name as TableName]) as Row<T>[];
    },
    ends: TOPIC_NAMES.flatMap((topic) =>
      [0, 1, 2].map((partition) => {
        const place = placeIn(topic, partition);
        const readers = PROCESSORS.filter((service) => topicsReadBy(service).includes(topic));
        const end = fixture.ends.get(place) ?? 0;
        return {
          topic,
          partition,
          end,
          messagesEnd: end,
          committed: new Map(
            readers.flatMap((service) => {
              const offset = committed[service].get(place);
              return offset === undefined ? [] : [[service, offset]];
            }),
          ),
        };
      })
    ),
  };
}

Deno.test("violationsOf: none where all is well", () => {
  assertEquals(violationsOf(evidenceOf(createFixture(SCENARIOS, ""))), []);
});

Deno.test("violationsOf: events and dead letters may repeat where at least once was asked for", () => {
  const fixture = createFixture(SCENARIOS, "");
  for (const record of [...fixture.records]) {
    if (record.topic !== "orders.raw") appendCopy(fixture, record);
  }
  const evidence = evidenceOf(fixture);
  assert(violationsOf(evidence).length > 0);
  assertEquals(violationsOf({ ...evidence, mayRepeat: true }), []);
});

/** What is spoilt, the promises that it breaks, and a part of a line that says so. */
const BROKEN: readonly [string, (fixture: Fixture) => void, string][] = [
  [
    "an order is lost before the validator",
    (f) =>
      drop(
        f,
        ...eventsOf(f, N.rejected, "OrderPlaced"),
        ...eventsOf(f, N.rejected, "OrderRejected"),
      ),
    "G1 r1-000004 was acknowledged, but is not in orders.raw",
  ],
  [
    "an order is read, and nothing comes of it",
    (f) => drop(f, ...eventsOf(f, N.rejected, "OrderRejected")),
    "G1 r1-000004 has no outcome; it has no event",
  ],
  [
    "an outcome is published twice",
    (f) => void appendCopy(f, eventsOf(f, N.confirmed, "OrderConfirmed")[0]!),
    "G1 r1-000000 has 2 outcomes: OrderConfirmed, OrderConfirmed",
  ],
  [
    "an event is published twice",
    (f) => void appendCopy(f, eventsOf(f, N.confirmed, "OrderValidated")[0]!),
    "G2 r1-000000 has 2 OrderValidated: orders.validated 0@",
  ],
  [
    "an event is lost, after those that answer it",
    (f) => drop(f, ...eventsOf(f, N.confirmed, "PaymentProcessed")),
    "G2 r1-000000 has no PaymentFailed or PaymentProcessed; it has ",
  ],
  [
    "a release is missing",
    (f) => drop(f, eventsOf(f, N.card_declined, "InventoryUpdated")[1]!),
    "G2 r1-000002 has no Released; it has ",
  ],
  [
    "an event answers nothing",
    (f) => drop(f, ...eventsOf(f, N.confirmed, "OrderPlaced")),
    "G2 r1-000000 was never placed, but has ",
  ],
  [
    "an order has both halves of an alternative",
    (f) =>
      rewrite(f, eventsOf(f, N.both_refused, "OrderCancelled")[0]!, { type: "OrderConfirmed" }),
    "G2 r1-000003 has a OrderConfirmed that answers nothing, beside ",
  ],
  [
    "an event has moved to another partition",
    (f) => {
      const [event] = eventsOf(f, N.confirmed, "OrderConfirmed");
      drop(f, event!);
      append(f, event!.topic, 1, event!);
    },
    "G2 r1-000000: OrderConfirmed is in another partition, orders.outcomes 1@",
  ],
  [
    "an outcome is published that is not stored",
    (f) => rewrite(f, eventsOf(f, N.confirmed, "OrderConfirmed")[0]!, { placedAt: "later" }),
    "G2 r1-000000: stored outcome {",
  ],
  [
    "more stock is deducted than events say",
    (f) => void (f.tables.stock[0]!.on_hand = Number(f.tables.stock[0]!.on_hand) - 1),
    " pieces; by its events ",
  ],
  [
    "stock is negative",
    (f) => void (f.tables.stock[0]!.on_hand = -1),
    "pieces on hand",
  ],
  [
    "a reservation is published, and not stored",
    (f) => void f.tables.reservations.shift(),
    "is reserved by its events, and not in the table",
  ],
  [
    "a payment is stored, and not published",
    (f) => drop(f, ...eventsOf(f, N.confirmed, "PaymentProcessed")),
    "the payment is processed in the table, nothing by its events",
  ],
  [
    "a charge is refunded that should not be",
    (f) => void (row(f, "charges", orderId(N.confirmed)).refunded_cents = 1),
    "G4 r1-000000 is charged, refunded at the gateway; by its events charged, not refunded",
  ],
  [
    "another sum is charged",
    (f) => void (row(f, "charges", orderId(N.confirmed)).amount_cents = 1),
    "cents charged, but ",
  ],
  [
    "a dead letter is missing",
    (f) => drop(f, f.records.findLast(({ topic }) => topic === "dlq.validator")!),
    "should be one dead letter (validator: invalid_json); found none",
  ],
  [
    "a dead letter is written twice",
    (f) => void appendCopy(f, f.records.findLast(({ topic }) => topic === "dlq.validator")!),
    "found validator: invalid_json; validator: invalid_json",
  ],
  [
    "a good order is a dead letter",
    (f) => {
      const [placed] = eventsOf(f, N.confirmed, "OrderPlaced");
      addDeadLetter(f, "validator", placed!, "processing_failed");
    },
    "is a dead letter of validator: processing_failed",
  ],
  [
    "a copy of an order is not a dead letter",
    (f) => drop(f, f.records.find(({ headers }) => headers["dlq-reason"] === "duplicate_order")!),
    "was placed 2 times, and 0 of them are dead letters",
  ],
  [
    "an order is taken from where it is not",
    (f) => void (row(f, "seen_orders", orderId(N.confirmed)).source_offset = 99),
    "the validator took it from 0@99, where it is not",
  ],
  [
    "a group has not read all",
    (f) => void f.committed.validator.set("orders.raw 0", 1),
    "G1 validator at orders.raw 0: committed 1, and the log ends at ",
  ],
  [
    "tables are ahead of their group",
    (f) => {
      const position = { input: "orders.raw/0", work_from: 100, work_to: 100 };
      f.positions.set("validator", [position]);
    },
    "G6 validator at orders.raw 0: committed ",
  ],
];

for (const [what, spoil, line] of BROKEN) {
  Deno.test(`violationsOf: ${what}`, () => {
    const fixture = { ...createFixture(SCENARIOS, "") };
    spoil(fixture);
    const lines = violationsOf(evidenceOf(fixture)).map((one) => `${one.promise} ${one.what}`);
    assert(lines.some((each) => each.includes(line)), lines.join("\n"));
  });
}
