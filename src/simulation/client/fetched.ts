/** What a member asks a leader for, and what becomes of answers. */
import type { FetchedBatch } from "../../kafka/group/membership.ts";
import type { DecodedRecord } from "../../kafka/protocol/decode.ts";
import type { FetchedPartition } from "../cluster/requests.ts";
import { refusal, withoutAborted } from "../../kafka/testing/kafkajs_parts.ts";
import type { Position } from "./positions.ts";

const OFFSET_OUT_OF_RANGE = 1;

export interface Asked {
  readonly position: Position;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

export class OffsetOutOfRange extends Error {
  override readonly name = "KafkaJSOffsetOutOfRange";
  constructor(readonly asked: Asked) {
    super("The requested offset is not within the range of offsets maintained by the server");
  }
}

/** @throws the first error in it: kafkajs gives up all of a fetch for one partition */
export function requireAll(answer: readonly FetchedPartition[], asked: readonly Asked[]): void {
  for (const { topic, partition, code } of answer) {
    if (code === 0) continue;
    const place = asked.find((each) => each.topic === topic && each.partition === partition)!;
    throw code === OFFSET_OUT_OF_RANGE ? new OffsetOutOfRange(place) : refusal(code);
  }
}

/** Records, and no errors. */
export function hasLittle(answer: readonly FetchedPartition[], minBytes: number): boolean {
  let bytes = 0;
  for (const { code, batches } of answer) {
    if (code !== 0) return false;
    for (const { sizeBytes } of batches) bytes += sizeBytes;
  }
  return bytes > 0 && bytes < minBytes;
}

/** What a fetch brought of one partition, as kafkajs's Batch has it. */
export class SimulatedBatch implements FetchedBatch {
  readonly topic: string;
  readonly partition: number;
  readonly fetchedOffset: string;
  readonly messages: FetchedBatch["messages"];
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
      .filter(({ isControlRecord }) => !isControlRecord) as unknown as FetchedBatch["messages"];
  }

  lastOffset(): string {
    return this.#lastOffset;
  }
}
