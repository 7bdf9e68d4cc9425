/**
 * The model keeps Kafka's promise under faults: what is copied in transactions, by several that fence each
 * other, over a network that loses and delays requests, is there exactly once.
 */
import { assertEquals } from "@std/assert";
import { NO_MEMBER } from "../../kafka/protocol/requests.ts";
import { Random } from "../random.ts";
import { VirtualTime } from "../time.ts";
import { SimulatedKafka } from "./cluster.ts";
import type { AnswerOf, Request } from "./requests.ts";
import { batchOf } from "./testing/cluster.ts";

const SEEDS = 30;
const PARTITIONS = 2;
const RECORDS = 30;
const OUTPUTS = ["out1", "out2"];
const REQUEST_LIMIT_MS = 3_000;
const REPEAT = new Set([3, 5, 6, 7, 14, 15, 16, 19, 20, 51, 88]);

/** The transaction is over: fence, and go on from the committed offset. */
class Fence extends Error {}

class Schedule {
  readonly time: VirtualTime;
  readonly kafka: SimulatedKafka;
  readonly #network: Random;
  isCalm = false;
  staleReads = 0;
  readonly codes = new Map<string, number>();

  constructor(readonly random: Random, readonly brokers: number) {
    this.time = new VirtualTime(random.fork("time"));
    this.#network = random.fork("network");
    const topics = { in: PARTITIONS, out1: PARTITIONS, out2: PARTITIONS };
    this.kafka = new SimulatedKafka(this.time, random.fork("kafka"), { brokers, topics });
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => void this.time.at(ms, resolve));
  }

  /** Undefined: no answer. */
  ask<R extends Request>(node: number, request: R): Promise<AnswerOf<R> | undefined> {
    const { promise, resolve } = Promise.withResolvers<AnswerOf<R> | undefined>();
    const network = this.#network;
    this.time.at(REQUEST_LIMIT_MS, () => resolve(undefined));
    if (!this.isCalm && network.chance(0.01)) return promise;
    const isLate = !this.isCalm && network.chance(0.01);
    this.time.at(isLate ? network.between(1_000, 8_000) : network.between(0.2, 2), () => {
      this.kafka.handle(node, request).then((answer) => {
        if (!this.isCalm && network.chance(0.01)) return;
        this.time.at(network.between(0.2, 2), () => resolve(answer));
      }, () => resolve(undefined));
    });
    return promise;
  }

  count(api: string, code: number): number {
    const key = `${api} ${code}`;
    this.codes.set(key, (this.codes.get(key) ?? 0) + 1);
    return code;
  }

  anyNode(): number {
    return this.#network.pick(this.kafka.nodes());
  }

  async coordinator(type: "group" | "transaction", key: string): Promise<number> {
    for (;;) {
      const answer = await this.ask(this.anyNode(), { api: "FindCoordinator", type, key });
      if (answer?.code === 0) return answer.node;
      await this.sleep(100);
    }
  }

  async leader(topic: string, partition: number): Promise<number> {
    for (;;) {
      const answer = await this.ask(this.anyNode(), { api: "Metadata", topics: [topic] });
      const leader = answer?.topics[0]?.partitions[partition]?.leader ?? -1;
      if (leader >= 0) return leader;
      await this.sleep(100);
    }
  }
}

/** Who leads something, as far as is known: looked up at first, and after each failure. */
class Place {
  #node: number | undefined;

  constructor(private readonly find: () => Promise<number>) {}

  async node(): Promise<number> {
    return this.#node ??= await this.find();
  }

  forget(): void {
    this.#node = undefined;
  }
}

/** Asks again as long as that may help. @param repeats what has no answer, too */
async function repeated<R extends Request>(
  copier: Copier,
  place: Place,
  request: R,
  codeOf: (answer: AnswerOf<R>) => number,
  repeats: boolean,
): Promise<AnswerOf<R>> {
  const { schedule } = copier;
  const end = schedule.time.now + 30_000;
  while (schedule.time.now < end) {
    const answer = await schedule.ask(await place.node(), request);
    if (!answer) copier.lostAnswers++;
    const code = schedule.count(request.api, answer ? codeOf(answer) : -2);
    if (code === 0) return answer!;
    place.forget();
    if (code === -2 ? !repeats : !REPEAT.has(code)) break;
    await schedule.sleep(schedule.random.between(20, 100));
  }
  throw new Fence();
}

class Copier {
  lostAnswers = 0;

  constructor(readonly schedule: Schedule, readonly partition: number) {}

  async run(): Promise<void> {
    for (;;) {
      try {
        await this.#own();
      } catch (error) {
        if (!(error instanceof Fence)) throw error;
        await this.schedule.sleep(this.schedule.random.between(10, 500));
      }
    }
  }

  async #own(): Promise<void> {
    const { schedule, partition } = this;
    const { random } = schedule;
    const transactionalId = `copier-${partition}`;
    const coordinator = new Place(() => schedule.coordinator("transaction", transactionalId));
    const groupCoordinator = new Place(() => schedule.coordinator("group", "copiers"));
    const first = ({ codes }: { codes: readonly number[] }) =>
      codes.find((code) => code !== 0) ?? 0;
    const init = { api: "InitProducerId", transactionalId, transactionTimeoutMs: 10_000 } as const;
    const identity = await repeated(this, coordinator, init, first, true);
    const who = {
      transactionalId,
      producerId: identity.producerId,
      producerEpoch: identity.producerEpoch,
    };
    const topic = "in";
    const read = {
      api: "OffsetFetch",
      group: "copiers",
      partitions: [{ topic, partition }],
      requireStable: true,
    } as const;
    const { partitions: [found] } = await repeated(
      this,
      groupCoordinator,
      read,
      ({ codes: [ofGroup = 0], partitions: [found] }) => ofGroup || found!.code,
      true,
    );
    let position = Math.max(0, found!.offset);
    // A coordinator that does not know that it was replaced answers with an old offset.
    const newest = schedule.kafka.committedOffset("copiers", topic, partition) ?? 0;
    if (position < newest) {
      schedule.staleReads++;
      throw new Fence();
    }
    const sequences = [0, 0];
    // Somebody else takes the id from time to time.
    for (let turns = random.int(7); turns >= 0;) {
      const values = await this.#fetch(position);
      if (values.length === 0) {
        await schedule.sleep(200);
        if (random.chance(0.1)) turns--;
        continue;
      }
      turns--;
      const outputs = OUTPUTS.map((topic) => ({ topic, partition }));
      const add = { api: "AddPartitionsToTxn", ...who, partitions: outputs } as const;
      await repeated(this, coordinator, add, first, false);
      for (const [i, output] of outputs.entries()) {
        const bytes = batchOf({
          ...who,
          firstSequence: sequences[i]!,
          transactional: true,
          values,
        });
        sequences[i]! += values.length;
        await repeated(
          this,
          new Place(() => schedule.leader(output.topic, partition)),
          { api: "Produce", transactionalId, batches: [{ ...output, bytes }] },
          ([answer]) => answer!.code,
          true,
        );
      }
      const group = "copiers";
      await repeated(
        this,
        coordinator,
        { api: "AddOffsetsToTxn", ...who, group },
        first,
        false,
      );
      const offsets = [{ topic, partition, offset: position + values.length }];
      const commit = { api: "TxnOffsetCommit", ...who, ...NO_MEMBER, group, offsets } as const;
      await repeated(this, groupCoordinator, commit, first, false);
      const { lostAnswers } = this;
      await repeated(this, coordinator, { api: "EndTxn", ...who, commit: true }, first, true);
      position += values.length;
      // One that has no answer yet may come late, and would end the next transaction of this epoch.
      if (this.lostAnswers > lostAnswers) throw new Fence();
    }
    throw new Fence();
  }

  async #fetch(position: number): Promise<string[]> {
    const { schedule, partition } = this;
    const answer = await schedule.ask(await schedule.leader("in", partition), {
      api: "Fetch",
      partitions: [{ topic: "in", partition, offset: position }],
      maxWaitMs: 500,
      maxBytesPerPartition: 300,
    });
    const [fetched] = answer ?? [];
    if (!fetched || fetched.code !== 0) return [];
    return fetched.batches.flatMap(({ records }) => records)
      .filter(({ offset }) => Number(offset) >= position)
      .map(({ value }) => new TextDecoder().decode(value!));
  }
}

/** A broker dies, freezes, or falls behind; a leader or a coordinator moves. */
async function disturb(schedule: Schedule, limitMs: number): Promise<void> {
  const { kafka, time } = schedule;
  const random = schedule.random.fork("faults");
  while (time.now < limitMs) {
    await schedule.sleep(random.exponential(400));
    const node = random.pick(kafka.nodes());
    const partition = random.int(PARTITIONS);
    switch (random.int(7)) {
      case 0:
        kafka.crashBroker(node);
        time.at(random.between(0, 6_000), () => kafka.restartBroker(node));
        break;
      case 1:
        kafka.freezeBroker(node);
        time.at(random.between(0, 6_000), () => kafka.thawBroker(node));
        break;
      case 2:
        kafka.moveLeader(random.pick(["in", "out1", "out2"]), partition);
        break;
      case 3:
        kafka.moveCoordinator("group", "copiers");
        break;
      case 4:
        kafka.moveCoordinator("transaction", `copier-${partition}`);
        break;
      case 5:
        kafka.delayMetadata(node, random.between(0, 3_000));
        break;
      case 6:
        kafka.cutOffBroker(node);
        time.at(random.between(0, 6_000), () => kafka.reconnectBroker(node));
    }
  }
  for (const node of kafka.nodes()) {
    kafka.thawBroker(node);
    kafka.reconnectBroker(node);
    kafka.restartBroker(node);
  }
}

async function run(seed: number, brokers: number): Promise<Schedule> {
  const schedule = new Schedule(new Random(seed), brokers);
  const { kafka, time } = schedule;
  const { topics: [topic] } = await kafka.handle(1, { api: "Metadata", topics: ["in"] });
  let acknowledged = 0;
  for (const { partition, leader } of topic!.partitions) {
    for (let i = 0; i < RECORDS; i++) {
      const bytes = batchOf({ values: [`${partition}-${i}`] });
      const batches = [{ topic: "in", partition, bytes }];
      const produce = { api: "Produce", transactionalId: null, batches } as const;
      void kafka.handle(leader, produce).then(() => acknowledged++);
    }
  }
  await time.runUntil(() => acknowledged === PARTITIONS * RECORDS, 1_000);
  for (let i = 0; i < 2 * PARTITIONS; i++) void new Copier(schedule, i % PARTITIONS).run();
  void disturb(schedule, 20_000);
  await time.runUntil(() => false, 20_000);
  schedule.isCalm = true;
  await time.runUntil(() => isDone(kafka), 120_000);
  await time.runUntil(() => false, 1_000);
  return schedule;
}

function isDone(kafka: SimulatedKafka): boolean {
  for (let partition = 0; partition < PARTITIONS; partition++) {
    if (kafka.committedOffset("copiers", "in", partition) !== RECORDS) return false;
  }
  // Markers may follow later.
  return OUTPUTS.every((topic) => kafka.recordsOf(topic).length >= PARTITIONS * RECORDS);
}

function copiesOf(kafka: SimulatedKafka, topic: string, partition: number): string[] {
  return kafka.recordsOf(topic)
    .filter((record) => record.partition === partition)
    .map(({ value }) => new TextDecoder().decode(value!));
}

for (const brokers of [1, 3]) {
  Deno.test(`SimulatedKafka: with ${brokers} brokers under faults, each record is copied exactly once`, async () => {
    for (let seed = 0; seed < SEEDS; seed++) {
      const { kafka } = await run(seed, brokers);
      for (let partition = 0; partition < PARTITIONS; partition++) {
        const expected = Array.from({ length: RECORDS }, (_, i) => `${partition}-${i}`);
        for (const topic of OUTPUTS) {
          const message = `seed ${seed}, ${topic}/${partition}`;
          assertEquals(copiesOf(kafka, topic, partition), expected, message);
        }
      }
    }
  });
}
