import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { decode } from "../../events/codec.ts";
import type { LogRecord } from "../../kafka/records.ts";
import {
  deadLetterTopicOf,
  type Processor,
  PROCESSORS,
  type Topic,
  topicsReadBy,
  topicsWrittenBy,
} from "../../topology.ts";
import { DUTIES, kindOf } from "../../audit/duties.ts";
import { createFixture, SCENARIOS } from "../../audit/testing/scenarios.ts";
import { type Fixture, orderId, PARTITIONS } from "../../audit/testing/fixture.ts";
import { isReplayForAnother } from "../../kafka/dead_letters.ts";
import { Answers, Outputs, Places } from "./published.ts";

/** A record, and when it was written. */
interface Written {
  readonly at: number;
  readonly record: LogRecord;
  readonly key: string;
}

/**
 * The fixture in which a service stopped at some time: `unwritten` is what it would have written next,
 * each once its order; what follows from that is not there either.
 */
function stopped(fixture: Fixture, service: Processor, time: number) {
  const written: Written[] = [];
  const unwritten: Written[] = [];
  const waiting = new Set<string>();
  for (const [at, record] of fixture.records.entries()) {
    const one = { at, record, key: new TextDecoder().decode(record.key ?? undefined) };
    if (waiting.has(one.key) && record.topic !== fixture.names.topic("orders.raw")) continue;
    if (at < time || !isBy(fixture, service, record)) written.push(one);
    else {
      unwritten.push(one);
      waiting.add(one.key);
    }
  }
  return { written, unwritten };
}

/** Whether a service wrote it: an answer, or a dead letter. A replay is a person's. */
function isBy(
  fixture: Fixture,
  service: Processor,
  { topic: name, key, value, headers }: LogRecord,
) {
  if (name === fixture.names.topic(deadLetterTopicOf(service))) {
    return "dlq-source-topic" in headers;
  }
  const topic = topicsWrittenBy(service).find((topic) => fixture.names.topic(topic) === name);
  const decoded = topic && decode(topic, key, value);
  return decoded?.ok === true && !("replayed-from" in headers) &&
    DUTIES.some((duty) => duty.service === service && duty.answers.includes(kindOf(decoded.event)));
}

/** The place of a dead letter's message. */
function sourceOf({ headers }: LogRecord) {
  const [topic = "", partition, offset] = ["topic", "partition", "offset"]
    .map((name) => headers[`dlq-source-${name}`]);
  return { topic, partition: Number(partition), offset: Number(offset) };
}

/** The messages that a service had read of an order when it wrote `by`; the newest last. */
function readFor(fixture: Fixture, service: Processor, written: readonly Written[], by: Written) {
  const { topic, partition, offset } = sourceOf(by.record);
  if (topic !== "") {
    return written.map(({ record }) => record).filter((r) =>
      r.topic === topic && r.partition === partition && r.offset === offset
    );
  }
  return written.filter(({ at, key }) => at < by.at && key === by.key)
    .map(({ record }) => record)
    .filter((record) =>
      topicsReadBy(service).some((topic) =>
        fixture.names.topic(topic) === record.topic &&
        !isReplayForAnother(service, topic, record.topic, record.headers)
      )
    );
}

/** Where the service goes on, by topic and partition. */
function goesOnAt(fixture: Fixture, service: Processor, written: readonly Written[]) {
  const deadLetters = new Places();
  for (const { record } of written) {
    if (record.topic !== fixture.names.topic(deadLetterTopicOf(service))) continue;
    const { topic, partition, offset } = sourceOf(record);
    if (topic !== "") deadLetters.add(topic, partition, offset);
  }
  const places = new Map<string, number>();
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const inTopic = (topic: Topic) =>
      written.map(({ record }) => record).filter((record) =>
        record.topic === fixture.names.topic(topic) && record.partition === partition
      );
    const outputs = new Outputs();
    for (const topic of topicsWrittenBy(service)) {
      for (const record of inTopic(topic)) outputs.add(topic, record);
    }
    for (const topic of topicsReadBy(service)) {
      const answers = new Answers(service, topic, outputs, deadLetters);
      for (const record of inTopic(topic)) answers.add(record);
      assertEquals(answers.missing, undefined);
      places.set(`${fixture.names.topic(topic)} ${partition}`, answers.open ?? Infinity);
    }
  }
  return ({ topic, partition }: LogRecord) => places.get(`${topic} ${partition}`)!;
}

/** Stops the service at a time, and looks where it would go on. */
function check(fixture: Fixture, service: Processor, time: number): void {
  const { written, unwritten } = stopped(fixture, service, time);
  const next = goesOnAt(fixture, service, written);
  for (const by of written.filter(({ record }) => isBy(fixture, service, record))) {
    for (const record of readFor(fixture, service, written, by)) {
      assert(record.offset < next(record), `twice: ${service} ${by.key} ${record.topic}`);
    }
  }
  for (const by of unwritten) {
    const record = readFor(fixture, service, written, by).at(-1)!;
    assert(record.offset >= next(record), `left out: ${service} ${by.key} ${record.topic}`);
  }
}

Deno.test("Answers: no message twice and none left out, before each thing that a service writes", () => {
  const fixture = createFixture([...SCENARIOS, ...SCENARIOS, ...SCENARIOS, ...SCENARIOS]);
  for (const service of PROCESSORS) {
    for (const [time, record] of fixture.records.entries()) {
      if (isBy(fixture, service, record)) check(fixture, service, time);
    }
  }
});

Deno.test("Answers: no message twice and none left out, of any orders, at any time", () => {
  const scenarios = fc.array(fc.constantFrom(...SCENARIOS), { minLength: 1, maxLength: 30 });
  const share = fc.double({ min: 0, max: 1, noNaN: true });
  fc.assert(
    fc.property(scenarios, fc.constantFrom(...PROCESSORS), share, (scenarios, service, share) => {
      const fixture = createFixture(scenarios);
      check(fixture, service, Math.round(share * fixture.records.length));
    }),
  );
});

Deno.test("Answers: with every answer written, a service goes on at the log's end", () => {
  const fixture = createFixture(
    SCENARIOS.flatMap((scenario) => scenario === "parked" ? [] : [scenario, scenario, scenario]),
  );
  for (const service of PROCESSORS) {
    const { written } = stopped(fixture, service, Infinity);
    const next = goesOnAt(fixture, service, written);
    assertEquals(
      new Set(fixture.records.map(next)).difference(new Set([Infinity, undefined])).size,
      0,
    );
  }
});

Deno.test("Answers.missing: what has no answer though later messages have", () => {
  const fixture = createFixture(Array(9).fill("rejected"));
  const ofPartition = (topic: string) =>
    fixture.records.filter((r) =>
      r.topic === fixture.names.topic(topic as Topic) && r.partition === 0
    );
  const outputs = new Outputs();
  for (const record of ofPartition("orders.outcomes")) {
    const isLast = new TextDecoder().decode(record.key!) === orderId(6);
    if (isLast) outputs.add("orders.outcomes", record);
  }
  const answers = new Answers("validator", "orders.raw", outputs, new Places());
  for (const record of ofPartition("orders.raw")) answers.add(record);
  assertEquals([answers.missing, answers.open], [{ first: 0, count: 2 }, undefined]);
});

Deno.test("Answers: a batch that cannot be read is answered by its dead letter, and by nothing else", () => {
  const place = { topic: "orders.raw", partition: 0, offset: 4 };
  const batch = { ...place, next: 7, endless: false, why: "a test", bytes: new Uint8Array() };
  const deadLetters = new Places();
  const readWith = () => {
    const answers = new Answers("validator", "orders.raw", new Outputs(), deadLetters);
    answers.addUnreadable(batch);
    return [answers.last, answers.open];
  };
  assertEquals(readWith(), [undefined, 4]);
  deadLetters.add(place.topic, place.partition, place.offset);
  assertEquals(readWith(), [4, undefined]);
});
