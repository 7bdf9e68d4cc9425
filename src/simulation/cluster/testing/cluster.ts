/** A simulated cluster and a client without a network, for tests of the model. */
import { encodeRecordBatch } from "../../../kafka/protocol/encode.ts";
import { NO_MEMBER } from "../../../kafka/protocol/requests.ts";
import { Random } from "../../random.ts";
import { type ClusterOptions, SimulatedKafka } from "../cluster.ts";
import type { AnswerOf, Clock, ProducerIdentity, Request, RequestOf } from "../requests.ts";

/** Events in the order of their times; of the same time, in the order in which they were set. */
export class TestClock implements Clock {
  now = 0;
  #events: { at: number; callback: () => void }[] = [];

  at(afterMs: number, callback: () => void): () => void {
    const event = { at: this.now + Math.max(0, afterMs), callback };
    const behind = this.#events.findIndex(({ at }) => at > event.at);
    if (behind < 0) this.#events.push(event);
    else this.#events.splice(behind, 0, event);
    return () => {
      this.#events = this.#events.filter((each) => each !== event);
    };
  }

  get pending(): number {
    return this.#events.length;
  }

  run(ms: number): void {
    const end = this.now + ms;
    while (this.#events.length > 0 && this.#events[0]!.at <= end) {
      const { at, callback } = this.#events.shift()!;
      this.now = at;
      callback();
    }
    this.now = end;
  }
}

export interface TestCluster {
  readonly clock: TestClock;
  readonly kafka: SimulatedKafka;
  /** Asks the broker, and moves the clock until it has answered. @throws when it does not within 60 s */
  ask<R extends Request>(node: number, request: R): Promise<AnswerOf<R>>;
  /** Of the leader, or the coordinator, whom any broker that is alive names: as a client does, again and again. */
  leader(topic: string, partition?: number): Promise<number>;
  coordinator(type: "group" | "transaction", key: string): Promise<number>;
  /** Until the condition holds. @throws when it does not within 60 s */
  until(condition: () => boolean | Promise<boolean>): Promise<void>;
}

/** What is left of a promise: its value once it has one. */
export function peek<T>(promise: Promise<T>): { value?: T; error?: Error } {
  const found: { value?: T; error?: Error } = {};
  promise.then((value) => found.value = value, (error) => found.error = error);
  return found;
}

export function testCluster(
  options: Partial<ClusterOptions> & { readonly seed?: number } = {},
): TestCluster {
  const clock = new TestClock();
  const { seed = 1, ...rest } = options;
  const kafka = new SimulatedKafka(clock, new Random(seed), {
    brokers: 1,
    topics: { orders: 2, outputs: 2 },
    initialRebalanceDelayMs: 10,
    ...rest,
  });
  const cluster: TestCluster = {
    clock,
    kafka,
    async ask(node, request) {
      const found = peek(kafka.handle(node, request));
      await this.until(() => "value" in found || "error" in found);
      if (found.error) throw found.error;
      return found.value!;
    },
    async leader(topic, partition = 0) {
      for (const node of kafka.nodes()) {
        const answer = peek(kafka.handle(node, { api: "Metadata", topics: [topic] }));
        await turn();
        const leader = answer.value?.topics[0]?.partitions[partition]?.leader ?? -1;
        if (leader >= 0) return leader;
      }
      return -1;
    },
    async coordinator(type, key) {
      for (const node of kafka.nodes()) {
        const answer = peek(kafka.handle(node, { api: "FindCoordinator", type, key }));
        await turn();
        if (answer.value && answer.value.node >= 0) return answer.value.node;
      }
      return -1;
    },
    async until(condition) {
      for (const end = clock.now + 60_000; clock.now < end; clock.run(1)) {
        await turn();
        if (await condition()) return;
      }
      throw new Error("not within 60 s of virtual time");
    },
  };
  return cluster;
}

async function turn(): Promise<void> {
  for (let i = 0; i < 5; i++) await Promise.resolve();
}

export interface TestBatch {
  readonly producerId?: bigint;
  readonly producerEpoch?: number;
  readonly firstSequence?: number;
  readonly transactional?: boolean;
  readonly values?: readonly string[];
}

export function batchOf(
  {
    producerId = -1n,
    producerEpoch = -1,
    firstSequence = -1,
    transactional = false,
    values = ["x"],
  }: TestBatch,
): Uint8Array {
  return encodeRecordBatch({
    records: values.map((value) => ({ key: "key", value, headers: { type: "test" } })),
    firstTimestamp: 0,
    maxTimestamp: 0,
    producerId,
    producerEpoch,
    firstSequence,
    transactional,
  });
}

/** One batch for one partition. */
export function produceOf(
  topic: string,
  partition: number,
  batch: TestBatch,
  transactionalId: string | null = null,
): RequestOf<"Produce"> {
  return {
    api: "Produce",
    transactionalId,
    batches: [{ topic, partition, bytes: batchOf(batch) }],
  };
}

export const fetchOf = (topic: string, partition: number, offset = 0, maxWaitMs = 0) =>
  ({
    api: "Fetch",
    partitions: [{ topic, partition, offset }],
    maxWaitMs,
    maxBytesPerPartition: 1_000_000,
  }) as const;

/** A transactional producer that asks whom it has to, and does nothing about errors. */
export class TestProducer {
  #sequences = new Map<string, number>();
  identity: ProducerIdentity = { producerId: -1n, producerEpoch: -1 };

  constructor(private readonly cluster: TestCluster, readonly id: string) {}

  /** Until it succeeds. */
  async init(transactionTimeoutMs = 60_000): Promise<this> {
    await this.cluster.until(async () => {
      const answer = await this.tryInit(transactionTimeoutMs);
      this.identity = answer;
      return answer.codes[0] === 0;
    });
    this.#sequences.clear();
    return this;
  }

  tryInit(transactionTimeoutMs = 60_000): Promise<AnswerOf<RequestOf<"InitProducerId">>> {
    return this.#ask({ api: "InitProducerId", transactionalId: this.id, transactionTimeoutMs });
  }

  async add(topic: string, partition = 0): Promise<number> {
    const partitions = [{ topic, partition }];
    return (await this.#ask({ api: "AddPartitionsToTxn", ...this.#who, partitions })).codes[0]!;
  }

  async send(topic: string, ...values: string[]): Promise<number> {
    const firstSequence = this.#sequences.get(topic) ?? 0;
    this.#sequences.set(topic, firstSequence + values.length);
    const batch = { ...this.identity, firstSequence, transactional: true, values };
    const node = await this.cluster.leader(topic);
    const [answer] = await this.cluster.ask(node, produceOf(topic, 0, batch, this.id));
    return answer!.code;
  }

  async addOffsets(group: string): Promise<number> {
    return (await this.#ask({ api: "AddOffsetsToTxn", ...this.#who, group })).codes[0]!;
  }

  async commitOffset(group: string, topic: string, offset: number): Promise<number> {
    const node = await this.cluster.coordinator("group", group);
    const offsets = [{ topic, partition: 0, offset }];
    const who = { ...this.#who, ...NO_MEMBER };
    const request = { api: "TxnOffsetCommit", ...who, group, offsets } as const;
    return (await this.cluster.ask(node, request)).codes[0]!;
  }

  async end(commit: boolean): Promise<number> {
    return (await this.#ask({ api: "EndTxn", ...this.#who, commit })).codes[0]!;
  }

  get #who() {
    return { transactionalId: this.id, ...this.identity };
  }

  async #ask<R extends Request>(request: R): Promise<AnswerOf<R>> {
    return await this.cluster.ask(await this.cluster.coordinator("transaction", this.id), request);
  }
}
