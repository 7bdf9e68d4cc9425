/** What a simulated pipeline leaves behind, for the checks. */
import type { LogRecord } from "../../kafka/records.ts";
import {
  type DeadLetterTopic,
  deadLetterTopicOf,
  PROCESSORS,
  type Topic,
  TOPIC_NAMES,
  topicsReadBy,
} from "../../topology.ts";
import type { CommittedRecord, SimulatedKafka } from "../cluster/cluster.ts";
import type { PartitionEnd } from "../promises/evidence.ts";

export class LeftBehind {
  /** By topic, then by partition: how many it has. */
  readonly #deleted = new Map<Topic, LogRecord[]>();

  constructor(
    private readonly kafka: SimulatedKafka,
    private partitions: number,
  ) {}

  /** All committed records, those that were deleted, too; each partition in order. */
  records(topic: Topic | DeadLetterTopic): LogRecord[] {
    const left = this.kafka.recordsOf(topic).map((record) => toLogRecord(topic, record));
    const deleted = this.#deleted.get(topic as Topic) ?? [];
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
      const readers = PROCESSORS.filter((service) => topicsReadBy(service).includes(topic));
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
          readers.flatMap((service) => {
            const offset = this.kafka.committedOffset(service, topic, partition);
            return offset === undefined || offset < 0 ? [] : [[service, offset] as const];
          }),
        ),
      }));
    });
  }

  /** Whether no order waits to be read, and no transaction is open or being ended: soon told. */
  get isStable(): boolean {
    for (let partition = 0; partition < this.partitions; partition++) {
      const read = this.kafka.committedOffset("validator", "orders.raw", partition) ?? 0;
      if (read < this.kafka.logOf("orders.raw", partition).end) return false;
    }
    const isStable = (topic: string, partition: number) => {
      const { end, lastStableOffset } = this.kafka.logOf(topic, partition);
      return lastStableOffset === end;
    };
    for (const topic of TOPIC_NAMES) {
      for (let partition = 0; partition < this.partitions; partition++) {
        if (!isStable(topic, partition)) return false;
      }
    }
    return PROCESSORS.every((service) => isStable(deadLetterTopicOf(service), 0));
  }

  /** All order topics get so many partitions, unless they have as many. */
  addPartitions(count: number): void {
    if (count <= this.partitions) return;
    this.partitions = count;
    for (const topic of TOPIC_NAMES) this.kafka.addPartitions(topic, count);
  }

  /** Deletes what every group has processed. */
  deleteReadRecords(): void {
    for (const topic of TOPIC_NAMES) this.#deleted.set(topic, this.records(topic));
    for (const { topic, partition, committed } of this.ends()) {
      const readers = PROCESSORS.filter((service) => topicsReadBy(service).includes(topic));
      const read = Math.min(...readers.map((service) => committed.get(service) ?? 0));
      if (read > 0) this.kafka.deleteRecords(topic, partition, read);
    }
  }
}

export function topicsOf(partitions: number): Record<string, number> {
  return Object.fromEntries([
    ...TOPIC_NAMES.map((topic) => [topic, partitions]),
    ...PROCESSORS.map((service) => [deadLetterTopicOf(service), 1]),
  ]);
}

function toLogRecord(topic: string, record: CommittedRecord): LogRecord {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(record.headers)) {
    const [first] = Array.isArray(value) ? value : [value];
    headers[name] = first
      ? Buffer.from(first.buffer, first.byteOffset, first.length).toString()
      : "";
  }
  return { ...record, topic, headers };
}
