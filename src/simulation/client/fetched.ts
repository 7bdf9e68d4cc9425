/** What a member asks a leader for, and what becomes of answers. */
import { ReadCommittedBatch } from "../../kafka/protocol/read_committed.ts";
import type { FetchedPartition } from "../cluster/requests.ts";
import { refusal } from "../../kafka/testing/kafkajs_parts.ts";
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

/** @param answer with at least one batch */
export function batchOf(
  { topic, partition, lastStableOffset, batches, aborted }: FetchedPartition,
  fetchedOffset: number,
): ReadCommittedBatch {
  const messages = batches.length === 1
    ? batches[0]!.records
    : batches.flatMap((batch) => batch.records);
  return new ReadCommittedBatch(topic, String(fetchedOffset), {
    partition,
    // Nobody asks how much is left.
    highWatermark: "0",
    lastStableOffset: String(lastStableOffset),
    messages,
    abortedTransactions: aborted,
  });
}
