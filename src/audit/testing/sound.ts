/** Logs and tables in which all is well, each for a reason of its own: no check may name anything. */

import type { LogRecord } from "../../kafka/records.ts";
import { PROCESSORS, TOPIC_NAMES, topicsReadBy } from "../../topology.ts";
import { drop, N, row } from "./case.ts";
import { createFixture, SCENARIOS } from "./scenarios.ts";
import {
  addDeadLetter,
  addResolution,
  appendCopy,
  appendRecord,
  AT,
  deleteBefore,
  eventIn,
  eventsOf,
  type Fixture,
  orderId,
  partitionOf,
  PARTITIONS,
  placeIn,
  rewrite,
  RUN,
} from "./fixture.ts";
import { type FixtureOptions } from "./audit_fixture.ts";
import { stepsOf } from "./steps.ts";

export interface Sound {
  readonly name: string;
  readonly make: () => [Fixture, FixtureOptions?];
}

const ALL = SCENARIOS.length;
const DAY_MS = 24 * 60 * 60 * 1_000;

/** All events of an order and its records are a day earlier. */
function age(fixture: Fixture, isOld: (n: number) => boolean): void {
  const earlier = (at: string) => new Date(Date.parse(at) - DAY_MS).toISOString();
  const old = new Set(Array.from({ length: 2 * ALL }, (_, n) => n).filter(isOld).map(orderId));
  fixture.records = fixture.records.map((record) => {
    if (!old.has(new TextDecoder().decode(record.key!))) return record;
    const event = eventIn(record) as { occurredAt: string; placedAt?: string } | undefined;
    const aged = event && {
      ...event,
      occurredAt: earlier(event.occurredAt),
      ...event.placedAt && { placedAt: earlier(event.placedAt) },
    };
    return {
      ...record,
      timestamp: record.timestamp - DAY_MS,
      value: aged ? new TextEncoder().encode(JSON.stringify(aged)) : record.value,
    };
  });
}

/** The offsets of the first records of each partition that are about these orders, or later ones. */
function offsetsFrom(fixture: Fixture, n: number): Map<string, number> {
  const first = new Map<string, number>();
  for (const { topic, partition, offset, key } of fixture.records) {
    const place = placeIn(topic, partition);
    if (new TextDecoder().decode(key!) >= orderId(n) && !first.has(place)) first.set(place, offset);
  }
  return first;
}

/** The orders of the first day are older; of half of them the messages are deleted. */
function withoutItsBeginning(): [Fixture, FixtureOptions] {
  const fixture = createFixture([...SCENARIOS, ...SCENARIOS]);
  age(fixture, (n) => n < ALL);
  const first = offsetsFrom(fixture, ALL / 2);
  fixture.records = fixture.records.filter(({ topic, partition, offset }) =>
    offset >= (first.get(placeIn(topic, partition)) ?? 0)
  );
  return [fixture, { first }];
}

/** The orders of the second half are placed behind the cut, and on their way. */
function whileOrdersFlow(): [Fixture, FixtureOptions] {
  const fixture = createFixture([...SCENARIOS, ...SCENARIOS]);
  const cutAt = offsetsFrom(fixture, ALL);
  const cut = new Map([...TOPIC_NAMES].map((topic) => {
    const ends = Array.from({ length: PARTITIONS }, (_, partition): [number, number] => {
      const place = placeIn(`t.${topic}`, partition);
      return [partition, cutAt.get(place) ?? fixture.ends.get(place) ?? 0];
    });
    return [topic, new Map(ends)];
  }));
  const early = Object.fromEntries(PROCESSORS.map((service) => {
    const offsets = [...fixture.committed[service]].map(([place, offset]): [string, number] => [
      place,
      cutAt.get(place) ?? offset,
    ]);
    return [service, new Map(offsets)];
  })) as Fixture["committed"];
  // Nothing behind orders.raw is there yet.
  fixture.records = fixture.records.filter(({ topic, partition, offset }) =>
    topic === "t.orders.raw" || offset < (cutAt.get(placeIn(topic, partition)) ?? Infinity)
  );
  return [fixture, { cut, committed: (time) => time === 0 ? early : fixture.committed }];
}

export const SOUND: readonly Sound[] = [
  { name: "every scenario", make: () => [createFixture(SCENARIOS)] },
  { name: "the log has lost its beginning", make: withoutItsBeginning },
  { name: "orders flow", make: whileOrdersFlow },
  {
    name: "a run that was cut off",
    make() {
      const fixture = createFixture(SCENARIOS);
      Object.assign(fixture.tables.runs[0]!, { acknowledged: 1, finished_at: null });
      fixture.tables.placements[0]!.placed = ALL + 5;
      return [fixture];
    },
  },
  {
    name: "an id that begins like those of a run",
    make() {
      const fixture = renamed(createFixture(SCENARIOS), N.broken_inside, `${RUN}-99x`);
      fixture.tables.runs[0]!.acknowledged = fixture.tables.placements[0]!.placed = ALL - 1;
      return [fixture];
    },
  },
  {
    name: "dead letters that were wrong, and are resolved",
    make() {
      const fixture = createFixture(SCENARIOS);
      const again = appendCopy(fixture, eventsOf(fixture, N.confirmed, "OrderPlaced")[0]!);
      const wrong = addDeadLetter(fixture, "validator", again, "invalid_json");
      addResolution(fixture, wrong, "discarded");
      return [fixture];
    },
  },
  {
    name: "a batch that could not be read is a dead letter",
    make() {
      const fixture = createFixture(SCENARIOS);
      const [placed] = eventsOf(fixture, N.confirmed, "OrderPlaced");
      for (const offset of [900, 900]) {
        const nowhere = { ...placed!, offset };
        addResolution(
          fixture,
          addDeadLetter(fixture, "validator", nowhere, "unreadable"),
          "discarded",
        );
      }
      return [fixture];
    },
  },
  {
    name: "what asks nothing of a service is not committed",
    make() {
      const fixture = createFixture(["rejected"]);
      for (const service of PROCESSORS) {
        for (const topic of topicsReadBy(service)) {
          // Nothing was ever there.
          for (let p = 1; p < PARTITIONS; p++) {
            fixture.committed[service].delete(placeIn(`t.${topic}`, p));
          }
        }
      }
      return [fixture];
    },
  },
  {
    name: "a dead letter about an order that has all that it would explain",
    make() {
      const fixture = createFixture(SCENARIOS);
      for (const n of [N.confirmed, N.out_of_stock]) {
        const broken = new TextEncoder().encode("{");
        const raw = appendRecord(fixture, "payment.events", partitionOf(n), orderId(n), broken);
        addDeadLetter(fixture, "fulfillment", raw, "invalid_json");
      }
      return [fixture];
    },
  },
  {
    name: "a refund that waits",
    make() {
      const fixture = createFixture(["confirmed", "out_of_stock"]);
      drop(fixture, ...eventsOf(fixture, 1, "PaymentRefunded"));
      const [cancelled] = eventsOf(fixture, 1, "OrderCancelled");
      addDeadLetter(fixture, "payment", cancelled!, "processing_failed");
      row(fixture, "payments", orderId(1)).state = "processed";
      row(fixture, "charges", orderId(1)).refunded_cents = 0;
      return [fixture];
    },
  },
  { name: "a replay of a message that was deleted since", make: replayedAfterDays },
  {
    name: "a replay's control record in orders.raw, deleted with all before it",
    make() {
      const fixture = createFixture(["failed_then_replayed"]);
      const place = placeIn("t.orders.raw", 0);
      fixture.ends.set(place, fixture.ends.get(place)! + 1);
      fixture.nowMs += DAY_MS;
      deleteBefore(fixture, fixture.nowMs);
      fixture.firsts.set(place, fixture.ends.get(place)!);
      return [fixture];
    },
  },
  {
    name: "an order is placed again behind the cut",
    make() {
      const fixture = createFixture(SCENARIOS);
      const options = cutHere(fixture);
      appendCopy(fixture, eventsOf(fixture, N.confirmed, "OrderPlaced")[0]!);
      return [fixture, options];
    },
  },
  {
    name: "replays behind the cut, of which nothing else was read",
    make() {
      const [fixture, , replays] = parkedTwice();
      const options = cutHere(fixture);
      for (const { raw, headers } of replays) appendCopy(fixture, { ...raw, headers });
      return [fixture, options];
    },
  },
  {
    name: "replays behind the cut, of which the resolution was read",
    make() {
      const [fixture, letters, replays] = parkedTwice();
      const options = cutHere(fixture);
      for (const [i, { raw }] of replays.entries()) {
        appendCopy(fixture, { ...raw, headers: addResolution(fixture, letters[i]!, "replayed") });
      }
      return [fixture, options];
    },
  },
  {
    name: "a run's id begins with another's, and old messages are deleted",
    make() {
      const fixture = createFixture(Array(8).fill("confirmed"), "t.", { everyMs: DAY_MS });
      renamed(fixture, 7, `${RUN}-0-000000`);
      Object.assign(fixture.tables.runs[0]!, { started_at: AT, acknowledged: 7 });
      fixture.tables.placements[0]!.placed = 7;
      fixture.tables.runs.push({ ...fixture.tables.runs[0]!, run_id: `${RUN}-0`, acknowledged: 1 });
      fixture.tables.placements.push({ run_id: `${RUN}-0`, placed: 1 });
      deleteBefore(fixture, Date.parse(AT) + 3 * DAY_MS);
      return [fixture];
    },
  },
  {
    name: "more money than a number can say to the cent",
    make() {
      const fixture = createFixture(["confirmed", "rejected", "confirmed"]);
      const much = Number.MAX_SAFE_INTEGER;
      for (const n of [0, 2]) {
        for (const type of ["OrderPlaced", "OrderValidated", "OrderConfirmed"] as const) {
          rewrite(fixture, eventsOf(fixture, n, type)[0]!, { totalCents: much });
        }
        rewrite(fixture, eventsOf(fixture, n, "PaymentProcessed")[0]!, { amountCents: much });
        row(fixture, "payments", orderId(n)).amount_cents = much;
        row(fixture, "charges", orderId(n)).amount_cents = much;
      }
      return [fixture];
    },
  },
  {
    name: "reservations that say no pieces",
    make() {
      const fixture = createFixture(SCENARIOS);
      for (const each of fixture.tables.reservations) {
        if (each.state === "rejected") each.decision = null;
      }
      return [fixture];
    },
  },
];

/** Of an order a service could not process a message, which was replayed days later and then deleted. */
function replayedAfterDays(): [Fixture] {
  const fixture = createFixture(["confirmed", "confirmed", "confirmed"]);
  const { place, validate, pay, reserve, confirm } = stepsOf(fixture, 3);
  place();
  const validated = validate();
  pay();
  const letter = addDeadLetter(fixture, "inventory", validated, "processing_failed");
  fixture.nowMs += 5 * DAY_MS;
  appendCopy(fixture, { ...validated, headers: addResolution(fixture, letter, "replayed") });
  confirm(reserve());
  Object.assign(fixture.tables.runs[0]!, { acknowledged: 4 });
  fixture.tables.placements[0]!.placed = 4;
  deleteBefore(fixture, Date.parse(AT) + DAY_MS);
  return [fixture];
}

/** Two orders with a dead letter each, and the replays that there may be of them. */
function parkedTwice() {
  const fixture = createFixture([...SCENARIOS, "confirmed"]);
  const [validated] = eventsOf(fixture, N.parked, "OrderValidated");
  const parked = fixture.records.find(({ topic, key }) =>
    topic === "t.dlq.inventory" && new TextDecoder().decode(key!) === orderId(N.parked)
  )!;
  drop(fixture, ...eventsOf(fixture, ALL, "OrderConfirmed"));
  const [paid] = eventsOf(fixture, ALL, "PaymentProcessed");
  Object.assign(row(fixture, "joins", orderId(ALL)), {
    outcome: null,
    decided_by_topic: null,
    decided_by_offset: null,
  });
  const unjoined = addDeadLetter(fixture, "fulfillment", paid!, "processing_failed");
  const replayOf = ({ topic, offset }: LogRecord) => ({ "replayed-from": `${topic} 0@${offset}` });
  return [fixture, [parked, unjoined], [
    { raw: validated!, headers: replayOf(parked) },
    { raw: paid!, headers: replayOf(unjoined) },
  ]] as const;
}

/** What comes now is behind the cut, and nobody has read it. */
function cutHere(fixture: Fixture): FixtureOptions {
  const committed = structuredClone(fixture.committed);
  const cut = new Map(TOPIC_NAMES.map((topic) => {
    const ends = Array.from({ length: PARTITIONS }, (_, partition): [number, number] => [
      partition,
      fixture.ends.get(placeIn(`t.${topic}`, partition)) ?? 0,
    ]);
    return [topic, new Map(ends)];
  }));
  return { cut, committed: () => committed };
}

/** The same with another id for an order. */
function renamed(fixture: Fixture, n: number, id: string): Fixture {
  const rename = (text: string) => text.replaceAll(orderId(n), id);
  const bytes = (value: Uint8Array | null) =>
    value && new TextEncoder().encode(rename(new TextDecoder().decode(value)));
  fixture.records = fixture.records.map((record) => ({
    ...record,
    key: bytes(record.key),
    value: bytes(record.value),
  }));
  for (const rows of Object.values(fixture.tables)) {
    for (const [i, row] of rows.entries()) rows[i] = JSON.parse(rename(JSON.stringify(row)));
  }
  return fixture;
}
