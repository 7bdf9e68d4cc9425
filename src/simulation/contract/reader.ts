/** A member of a group as the loop uses one: it reads a topic, and keeps what it is handed and told. */
import type { BatchInHand, Crash, Member, MemberOptions } from "../../kafka/group/membership.ts";
import { configureLogging } from "../../runtime/log.ts";
import type { MemberGeneration } from "../../kafka/protocol/requests.ts";
import type { Topic } from "../../topology.ts";
import { until } from "../../runtime/until.ts";
import type { Platform } from "./platform.ts";

const LIMIT_MS = 20_000;
const EVERY_MS = 20;

function optionsOf(group: string, topic: string, sessionTimeoutMs: number): MemberOptions {
  return {
    access: { brokers: [] },
    group,
    topics: new Map([[topic, topic as Topic]]),
    sessionTimeoutMs,
    fetch: { maxBytes: 1e6, maxBytesPerPartition: 1e6, minBytes: 1, maxWaitTimeInMs: 50 },
    concurrency: 2,
    drainTimeoutMs: 3_000,
    log: configureLogging("contract", "error", "text"),
  };
}

export class TestReader {
  /** Batches, such as `0: 5 a, 6 b`: of partition 0, with offsets. */
  readonly handed: string[] = [];
  readonly told: string[] = [];
  /** What it was assigned last. */
  assigned: readonly number[] | undefined;
  generation: MemberGeneration | undefined;
  /** What becomes of a batch in hand (default: all of it is resolved). */
  onBatch: (inHand: BatchInHand) => Promise<void> = (inHand) => {
    resolveAll(inHand);
    return Promise.resolve();
  };
  readonly #ending = new AbortController();
  #ended: Promise<Crash | undefined> | undefined;

  private constructor(readonly member: Member, private readonly topic: string) {}

  static start(
    platform: Platform,
    group: string,
    topic: string,
    setUp: (reader: TestReader) => void = () => {},
    sessionTimeoutMs = 3_000,
  ): TestReader {
    const options = optionsOf(group, topic, sessionTimeoutMs);
    const reader = new TestReader(platform.createMember(options), topic);
    setUp(reader);
    reader.#run();
    return reader;
  }

  #run(): void {
    const { member, told, topic } = this;
    member.watchPositions(60_000, {
      onNothing: ({ partition }, from, to) => told.push(`${partition}: nothing ${from} to ${to}`),
      onDoubt: () => {},
      onOutOfRange: (place) => {
        told.push(`${place.partition}: no ${place.offset}`);
        member.pause(place);
      },
    });
    member.onRebalancing(() => told.push("rebalancing"));
    this.#ended = member.run(this.#ending.signal, {
      onAssigned: (assignment, generation) => {
        this.generation = generation;
        this.assigned = assignment[topic] ?? [];
      },
      onBatch: (inHand) => {
        const { partition, messages } = inHand.batch;
        const read = messages.map(({ offset, value }) => `${offset} ${value}`);
        this.handed.push(`${partition}: ${read.join(", ")}`);
        return this.onBatch(inHand);
      },
      onState: () => {},
      onStop: () => member.stop(),
    });
  }

  /** Until so many batches were handed over, or more. */
  async untilHanded(count: number): Promise<void> {
    await until(`${count} batches`, () => this.handed.length >= count, LIMIT_MS, EVERY_MS);
  }

  async untilAssigned(...partitions: number[]): Promise<void> {
    const what = `assigned ${partitions}`;
    const holds = () => this.assigned?.toSorted().join() === partitions.join();
    await until(what, holds, LIMIT_MS, EVERY_MS);
  }

  async untilTold(line: string): Promise<void> {
    await until(line, () => this.told.includes(line), LIMIT_MS, EVERY_MS);
  }

  async stop(): Promise<Crash | undefined> {
    this.#ending.abort();
    return await this.#ended;
  }
}

export function resolveAll({ batch, resolveOffset }: BatchInHand): void {
  resolveOffset(batch.messages.at(-1)!.offset);
}
