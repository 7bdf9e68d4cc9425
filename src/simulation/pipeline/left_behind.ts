/** What a simulated pipeline leaves behind, for the checks. */
import type { LogRecord } from "../../kafka/records.ts";
import { deadLetterTopicOf, PROCESSORS, type Topic, TOPIC_NAMES } from "../../topology.ts";
import type { SimulatedKafka } from "../cluster/cluster.ts";
import type { PartitionEnd } from "../promises/evidence.ts";
import { COPY_TOPICS, inputsOf, type SimulatedService } from "../services.ts";
import { COPIER_DEAD_LETTERS } from "./copier.ts";

const DEAD_LETTERS = [COPIER_DEAD_LETTERS, ...PROCESSORS.map(deadLetterTopicOf)];
const KEYED = [...TOPIC_NAMES, ...COPY_TOPICS];

export class LeftBehind {
  /** By topic, then by partition: how many it has. */
  readonly #deleted = new Map<string, LogRecord[]>();

  /** @param services those that run */
  constructor(
    private readonly kafka: SimulatedKafka,
    private partitions: number,
    private readonly services: readonly SimulatedService[],
  ) {}

  /** The services that read a topic. */
  readersOf(topic: Topic): SimulatedService[] {
    return this.services.filter((service) => inputsOf(service).includes(topic));
  }

  /** All committed records, those that were deleted, too; each partition in order. */
  records(topic: string): LogRecord[] {
    const left = this.kafka.recordsOf(topic).map((record) => ({ ...record, topic }));
    const deleted = this.#deleted.get(topic) ?? [];
    if (deleted.length === 0) return left;
    const first = new Map<number, number>();
    for (const { partition, offset } of left) {
      if (!first.has(partition)) first.set(partition, offset);
    }
    const gone = deleted.filter(({ partition, offset }) =>
      offset < (first.get(partition) ?? Infinity)
    );
    return [...gone, ...left].sort((a, b) => a.partition - b.partition || a.offset - b.offset);
  }

  /** Where logs end, and groups are. */
  ends(): PartitionEnd[] {
    return TOPIC_NAMES.flatMap((topic) => {
      const deletedEnds: number[] = Array(this.partitions).fill(0);
      for (const { partition, offset } of this.#deleted.get(topic) ?? []) {
        deletedEnds[partition] = offset + 1;
      }
      return deletedEnds.map((deletedEnd, partition) => ({
        topic,
        partition,
        messagesEnd: this.kafka.logOf(topic, partition).committedEnd || deletedEnd,
        end: this.kafka.logOf(topic, partition).end,
        committed: new Map(
          this.readersOf(topic).flatMap((service) => {
            const offset = this.kafka.committedOffset(service, topic, partition);
            return offset === undefined || offset < 0 ? [] : [[service, offset] as const];
          }),
        ),
      }));
    });
  }

  /** Whether each group has read all messages of its topics, and no transaction is open or being ended. */
  get isSettled(): boolean {
    // In the order of the flow: mostly the first partition tells.
    for (const topic of TOPIC_NAMES) {
      const readers = this.readersOf(topic);
      for (let partition = 0; partition < this.partitions; partition++) {
        const { committedEnd, end, lastStableOffset } = this.kafka.logOf(topic, partition);
        if (lastStableOffset !== end) return false;
        if (committedEnd === 0) continue;
        for (const service of readers) {
          const read = this.kafka.committedOffset(service, topic, partition) ?? 0;
          if (read < committedEnd) return false;
        }
      }
    }
    return !COPY_TOPICS.some((topic) => this.#isOpen(topic, this.partitions)) &&
      !DEAD_LETTERS.some((topic) => this.#isOpen(topic, 1));
  }

  #isOpen(topic: string, partitions: number): boolean {
    for (let partition = 0; partition < partitions; partition++) {
      const { end, lastStableOffset } = this.kafka.logOf(topic, partition);
      if (lastStableOffset !== end) return true;
    }
    return false;
  }

  /** All order topics get so many partitions, unless they have as many. */
  addPartitions(count: number): void {
    if (count <= this.partitions) return;
    this.partitions = count;
    for (const topic of KEYED) this.kafka.addPartitions(topic, count);
  }

  /** Deletes what every group has processed. */
  deleteReadRecords(): void {
    for (const topic of TOPIC_NAMES) this.#deleted.set(topic, this.records(topic));
    for (const { topic, partition, messagesEnd, committed } of this.ends()) {
      const offsets = this.readersOf(topic).map((service) => committed.get(service) ?? 0);
      const read = Math.min(messagesEnd, ...offsets);
      if (read > 0) this.kafka.deleteRecords(topic, partition, read);
    }
  }
}

export function topicsOf(partitions: number): Record<string, number> {
  return Object.fromEntries([
    ...DEAD_LETTERS.map((topic) => [topic, 1]),
    ...KEYED.map((topic) => [topic, partitions]),
  ]);
}
