/** What a fetch brought of one partition, as kafkajs's Batch has it. */
import type { KafkaMessage } from "kafkajs";
import type { FetchedBatch } from "../../kafka/group/membership.ts";
import { withoutAborted } from "../../kafka/patches/fetch.ts";
import type { DecodedRecord } from "../../kafka/protocol/decode.ts";
import type { FetchedPartition } from "../cluster/requests.ts";

export class SimulatedBatch implements FetchedBatch {
  readonly topic: string;
  readonly partition: number;
  readonly fetchedOffset: string;
  readonly messages: readonly KafkaMessage[];
  readonly rawMessages: readonly DecodedRecord[];
  /** Of those at the fetched offset and behind it; undefined where there are none. */
  readonly firstOffset: string | undefined;
  readonly #lastOffset: string;

  /** @param fetched with at least one batch */
  constructor({ topic, partition, batches, aborted }: FetchedPartition, fetchedOffset: number) {
    this.topic = topic;
    this.partition = partition;
    this.fetchedOffset = String(fetchedOffset);
    const records = batches.length === 1
      ? batches[0]!.records
      : batches.flatMap((batch) => batch.records);
    this.rawMessages = records;
    const behind = records.filter(({ offset }) => Number(offset) >= fetchedOffset);
    this.firstOffset = behind[0]?.offset;
    this.#lastOffset = behind.at(-1)?.offset ?? this.fetchedOffset;
    this.messages = withoutAborted(behind, aborted.length > 0 ? aborted : null)
      .filter(({ isControlRecord }) => !isControlRecord) as unknown as KafkaMessage[];
  }

  lastOffset(): string {
    return this.#lastOffset;
  }
}
