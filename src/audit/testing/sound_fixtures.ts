/** Fixtures of logs that have lost their beginning, or in which orders flow: see sound.ts. */

import type { LogRecord } from "../../kafka/records.ts";
import { PROCESSORS, TOPIC_NAMES } from "../../topology.ts";
import { drop, N, row } from "./case.ts";
import { createFixture, SCENARIOS } from "./scenarios.ts";
import {
  addDeadLetter,
  addResolution,
  appendCopy,
  AT,
  deleteBefore,
  eventIn,
  eventsOf,
  type Fixture,
  orderId,
  PARTITIONS,
  placeIn,
} from "./fixture.ts";
import { type FixtureOptions } from "./audit_fixture.ts";
import { stepsOf } from "./steps.ts";

export const ALL = SCENARIOS.length;
export const DAY_MS = 24 * 60 * 60 * 1_000;

/** All events of an order and its records are a day earlier. */
export function age(fixture: Fixture, isOld: (n: number) => boolean): void {
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
export function offsetsFrom(fixture: Fixture, n: number): Map<string, number> {
  const first = new Map<string, number>();
  for (const { topic, partition, offset, key } of fixture.records) {
    const place = placeIn(topic, partition);
    if (new TextDecoder().decode(key!) >= orderId(n) && !first.has(place)) first.set(place, offset);
  }
  return first;
}

/** The orders of the first day are older; of half of them the messages are deleted. */
export function withoutItsBeginning(): [Fixture, FixtureOptions] {
  const fixture = createFixture([...SCENARIOS, ...SCENARIOS]);
  age(fixture, (n) => n < ALL);
  const first = offsetsFrom(fixture, ALL / 2);
  fixture.records = fixture.records.filter(({ topic, partition, offset }) =>
    offset >= (first.get(placeIn(topic, partition)) ?? 0)
  );
  return [fixture, { first }];
}

/** The orders of the second half are placed behind the cut, and on their way. */
export function whileOrdersFlow(): [Fixture, FixtureOptions] {
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

/** Of an order a service could not process a message, which was replayed days later and then deleted. */
export function replayedAfterDays(): [Fixture] {
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
export function parkedTwice() {
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
export function cutHere(fixture: Fixture): FixtureOptions {
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
export function renamed(fixture: Fixture, n: number, id: string): Fixture {
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
