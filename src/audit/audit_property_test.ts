/** Whatever orders do, a sound fixture passes; and no single change to it goes unnoticed. */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { OrderEvent } from "../events/schemas.ts";
import type { LogRecord } from "../kafka/records.ts";
import { type Processor, PROCESSORS, type Topic } from "../topology.ts";
import { type Reading, READINGS } from "./duties.ts";
import { passed, reportLines } from "./report.ts";
import {
  appendCopy,
  eventIn,
  type Fixture,
  placeIn,
  rewrite,
  type TableName,
  type TestRow,
} from "./testing/fixture.ts";
import { auditFixture } from "./testing/audit_fixture.ts";
import { createFixture, type Scenario, SCENARIOS } from "./testing/scenarios.ts";

const fixtures = fc.array(fc.constantFrom(...SCENARIOS), { minLength: 1, maxLength: 12 });

Deno.test("audit: passes every sound fixture", async () => {
  await fc.assert(
    fc.asyncProperty(fixtures, async (scenarios) => {
      const report = await auditFixture(createFixture(scenarios));
      assert(passed(report), reportLines(report).join("\n"));
    }),
    { numRuns: 100 },
  );
});

/** One change to a fixture that must not pass. */
interface Mutation {
  readonly name: string;
  readonly apply: (fixture: Fixture) => void;
}

/** What the audit promises to notice in an event. Names, times and texts for people are not in it. */
function alterations(fixture: Fixture, event: OrderEvent): Partial<OrderEvent>[] {
  const another = { orderId: `${event.orderId}x` };
  switch (event.type) {
    case "OrderRejected":
    case "InventoryRejected":
      return [another];
    case "OrderPlaced":
    case "OrderValidated": {
      // What was ordered by an order that was rejected, no other event says.
      if (isRejected(fixture, event.orderId)) return [another];
      const [first, ...others] = event.items;
      const more = { ...first!, quantity: first!.quantity + 1 };
      const other = { ...first!, productId: "p-9" };
      return [
        another,
        { totalCents: event.totalCents + 1 },
        { currency: "CHF" },
        { items: [more, ...others] },
        { items: [other, ...others] },
        { items: others },
      ];
    }
    case "InventoryUpdated": {
      const [first, ...others] = event.changes;
      return [
        another,
        { action: event.action === "reserved" ? "released" : "reserved" },
        { changes: [{ ...first!, delta: first!.delta + 1 }, ...others] },
        { changes: [{ ...first!, delta: -first!.delta }, ...others] },
        { changes: [{ ...first!, productId: "p-9" }, ...others] },
        { changes: [{ ...first!, remaining: -1 }, ...others] },
      ];
    }
    case "PaymentProcessed":
    case "PaymentFailed":
    case "PaymentRefunded":
      return [
        another,
        { amountCents: event.amountCents + 1 },
        { currency: "CHF" },
        { paymentId: "pay-x" },
      ];
    case "OrderConfirmed":
    case "OrderCancelled":
      return [another, { totalCents: event.totalCents + 1 }, { currency: "CHF" }];
    default:
      return [another];
  }
}

function isRejected(fixture: Fixture, orderId: string): boolean {
  return fixture.records.map(eventIn).some((event) =>
    event?.type === "OrderRejected" && event.orderId === orderId
  );
}

/** Columns that the audit reads, each changed to what it must not be. */
function alteredRow(row: TestRow): TestRow[] {
  return Object.entries(row).flatMap(([column, value]): TestRow[] => {
    switch (column) {
      // How far a run came is all that the audit holds against it.
      case "run_id":
      case "finished_at":
        return [];
      case "outcome":
        return [{ ...row, outcome: null }];
      case "acknowledged":
      case "placed":
        return [1, -1].map((change) => ({ ...row, [column]: Number(value) + change }));
      case "state":
        return ["reserved", "released", "rejected", "processed", "failed", "refunded", null]
          .filter((state) => state !== value).map((state) => ({ ...row, state }));
      case "status":
        return [{ ...row, status: value === "charged" ? "declined" : "charged" }];
    }
    return [{ ...row, [column]: typeof value === "number" ? value + 1 : `${value}x` }];
  });
}

/** Every single change to a fixture that must be noticed. */
function mutations(fixture: Fixture): Mutation[] {
  return [
    ...fixture.records.flatMap((record) => mutationsOfRecord(fixture, record)),
    ...Object.keys(fixture.tables).flatMap((name) => mutationsOfTable(fixture, name as TableName)),
    ...READINGS.flatMap((reading) => mutationsOfOffsets(fixture, reading)),
  ];
}

function mutationsOfOffsets(fixture: Fixture, { service, topic }: Reading): Mutation[] {
  return [...fixture.committed[service].keys()]
    .filter((place) => place.startsWith(`t.${topic} `))
    .flatMap((place) => {
      const mutate = (name: string, apply: (offsets: Map<string, number>) => void): Mutation => ({
        name: `${name} the offset of ${service} in ${place}`,
        apply: (w) => apply(w.committed[service]),
      });
      const answered = lastAnswered(fixture, service, topic, place);
      return [
        mutate("drop", (offsets) => offsets.delete(place)),
        mutate("raise", (offsets) => offsets.set(place, offsets.get(place)! + 1)),
        // What asks nothing of the service may be read again.
        ...answered < 0 ? [] : [mutate("lower", (offsets) => offsets.set(place, answered))],
      ];
    });
}

/** The highest offset of a message that a service has answered; -1 where there is none. */
function lastAnswered(fixture: Fixture, service: Processor, topic: Topic, place: string): number {
  const records = fixture.records.filter((r) => placeIn(r.topic, r.partition) === place);
  const isAnswered = (record: LogRecord) => {
    if (isBuriedBy(fixture, record, service)) return true;
    const event = eventIn(record);
    const replay = record.headers["replayed-from"];
    if (!event || (replay !== undefined && !replay.startsWith(`t.dlq.${service} `))) return false;
    const has = (type: OrderEvent["type"], change: object = {}) =>
      fixture.records.map(eventIn).some((other) =>
        other?.type === type && other.orderId === event.orderId &&
        Object.entries(change).every(([name, value]) =>
          (other as unknown as Record<string, unknown>)[name] === value
        )
      );
    if (topic === "orders.raw" || topic === "orders.validated") return true;
    if (service === "inventory") {
      return event.type === "OrderCancelled" && has("InventoryUpdated", { action: "released" });
    }
    if (service === "payment") return event.type === "OrderCancelled" && has("PaymentRefunded");
    return fixture.tables.joins.some((row) =>
      row.order_id === event.orderId && row.decided_by_topic === topic &&
      row.decided_by_offset === record.offset
    );
  };
  return records.findLast(isAnswered)?.offset ?? -1;
}

function mutationsOfRecord(fixture: Fixture, record: LogRecord): Mutation[] {
  const { topic, partition, offset, headers } = record;
  const place = `${topic} ${partition}@${offset}`;
  const drop = {
    name: `drop ${place}`,
    apply: (w: Fixture) => w.records = w.records.filter((other) => other !== record),
  };
  const repeat = { name: `repeat ${place}`, apply: (w: Fixture) => void appendCopy(w, record) };
  // Without its resolution a discarded dead letter is open, and all is well, too.
  const mayGo = headers["dlq-verdict"] === "discarded";
  const event = eventIn(record);
  // What only a dead letter is about, nobody else has said anything of.
  const alterable = event !== undefined && !isBuried(fixture, record);
  const altered = (alterable ? alterations(fixture, event) : []).map((change) => ({
    name: `change ${place} to ${JSON.stringify(change)}`,
    apply: (w: Fixture) => rewrite(w, record, change),
  }));
  return [...mayGo ? [] : [drop], repeat, ...altered];
}

function mutationsOfTable(fixture: Fixture, name: TableName): Mutation[] {
  const used = new Set(
    fixture.records.map(eventIn).flatMap((event) =>
      event?.type === "InventoryUpdated" ? event.changes.map((change) => change.productId) : []
    ),
  );
  return fixture.tables[name].flatMap((row, index): Mutation[] => {
    // A join that lacks its other half says nothing yet.
    if (row.outcome === null) return [];
    const unused = name === "stock" && !used.has(String(row.product_id));
    // Without its run, an order is one made by hand, and older simulators had no placements; a product
    // that nobody ordered is not missed.
    const mayGo = name === "runs" || name === "placements" || unused;
    const drop = {
      name: `drop ${JSON.stringify(row)} of ${name}`,
      apply: (w: Fixture) => void w.tables[name].splice(index, 1),
    };
    const altered = alteredRow(row)
      .filter((other) => !unused || other.product_id === row.product_id)
      .map((other) => ({
        name: `change ${JSON.stringify(row)} of ${name} to ${JSON.stringify(other)}`,
        apply: (w: Fixture) => void (w.tables[name][index] = other),
      }));
    return [...mayGo ? [] : [drop], ...altered];
  });
}

/** Whether there is a dead letter for a record. */
function isBuried(fixture: Fixture, record: LogRecord): boolean {
  return PROCESSORS.some((service) => isBuriedBy(fixture, record, service));
}

function isBuriedBy(fixture: Fixture, record: LogRecord, service: Processor): boolean {
  return fixture.records.some(({ topic, headers }) =>
    topic === `t.dlq.${service}` &&
    headers["dlq-source-topic"] === record.topic &&
    headers["dlq-source-partition"] === String(record.partition) &&
    headers["dlq-source-offset"] === String(record.offset)
  );
}

Deno.test("audit: notices any single change to a fixture of every scenario", async () => {
  const all = mutations(createFixture(SCENARIOS));
  assert(all.length > 300, `only ${all.length} changes`);
  const unnoticed: string[] = [];
  for (const [index, { name }] of all.entries()) {
    if (!await isNoticed(SCENARIOS, index)) unnoticed.push(name);
  }
  assertEquals(unnoticed, []);
});

Deno.test("audit: notices any single change to any fixture", async () => {
  await fc.assert(
    fc.asyncProperty(fixtures, fc.nat(), async (scenarios, n) => {
      const all = mutations(createFixture(scenarios));
      const index = n % all.length;
      assert(await isNoticed(scenarios, index), `unnoticed: ${all[index]!.name}`);
    }),
    { numRuns: 100 },
  );
});

async function isNoticed(scenarios: readonly Scenario[], index: number): Promise<boolean> {
  const fixture = createFixture(scenarios);
  mutations(fixture)[index]!.apply(fixture);
  return !passed(await auditFixture(fixture));
}
