/**
 * Writes the outcome of one input partition's batches, under one of two guarantees.
 *
 * exactly_once: outputs and the input's offset in one Kafka transaction. The transactional.id belongs
 * to the input partition, so that opening a writer fences its previous owner; offsets are
 * committed without the group's generation (no KIP-447), which makes this the only fence there is.
 * Hence the order: fence first, and only then read the committed offset (docs/exactly-once.md).
 *
 * at_least_once: outputs first, then the offset. A crash between the two repeats the outputs. The group's
 * generation is the fence: offsets are committed as a member of the one in which the partition was assigned.
 *
 * A writer is used by one batch at a time. After any error it is spent: close it and open another.
 */
import type { TopicMessages } from "kafkajs";
import type { ClusterSource } from "../client/cluster.ts";
import { ProducerError } from "../client/error_codes.ts";
import { inParts } from "../producer/partitioning.ts";
import { Producer } from "../producer/producer.ts";
import { NO_MEMBER } from "../protocol/requests.ts";

/** For a leader or a coordinator to move; then the partition is assigned again. */
const DELIVERY_TIMEOUT_MS = 10_000;

export interface PartitionWriter {
  /** The next offset to process, or undefined when the group has committed none yet. */
  readonly start: number | undefined;
  /** Publishes `outputs` and that everything below `nextOffset` is done. */
  commit(outputs: TopicMessages[], nextOffset: number): Promise<void>;
  close(): Promise<void>;
}

/** Which input partition is written for; names as Kafka knows them. */
interface InputPartition {
  readonly topic: string;
  readonly partition: number;
  readonly group: string;
}

export async function openTransactionalWriter(
  kafka: ClusterSource,
  input: InputPartition,
  options: {
    transactionalId: string;
    transactionTimeoutMs: number;
    onLateCommit?: (why: ProducerError | undefined) => void;
    committedOffset: () => Promise<number | undefined>;
  },
): Promise<PartitionWriter> {
  const { transactionalId, transactionTimeoutMs, onLateCommit, committedOffset } = options;
  const { topic, partition, group } = input;
  // First: it fences the previous owner and ends what it left open.
  const producer = await Producer.open(kafka, {
    transactionalId,
    transactionTimeoutMs,
    deliveryTimeoutMs: Math.min(DELIVERY_TIMEOUT_MS, transactionTimeoutMs),
    onLateCommit,
  });
  return await writerOf(producer, committedOffset, async (outputs, nextOffset) => {
    for (const part of inParts(outputs)) await producer.send(part);
    await producer.sendOffsets(group, [{ topic, partition, offset: nextOffset }], NO_MEMBER);
    await producer.commit();
  });
}

export async function openAtLeastOnceWriter(
  kafka: ClusterSource,
  options: {
    committedOffset: () => Promise<number | undefined>;
    /** As a member of the generation in which the partition was assigned: refused in any other. */
    commitOffset: (offset: number) => Promise<void>;
    /** Told of an offset that may be committed later, over those after it: its generation has to end. */
    onUnanswered: (error: ProducerError) => void;
  },
): Promise<PartitionWriter> {
  const { committedOffset, commitOffset, onUnanswered } = options;
  const producer = await Producer.open(kafka, {
    deliveryTimeoutMs: DELIVERY_TIMEOUT_MS,
  });
  return await writerOf(producer, committedOffset, async (outputs, nextOffset) => {
    for (const part of inParts(outputs)) await producer.send(part);
    try {
      await commitOffset(nextOffset);
    } catch (error) {
      if (error instanceof ProducerError && error.type === "NO_ANSWER") onUnanswered(error);
      throw error;
    }
  });
}

async function writerOf(
  producer: Producer,
  committedOffset: () => Promise<number | undefined>,
  commit: PartitionWriter["commit"],
): Promise<PartitionWriter> {
  try {
    return { start: await committedOffset(), commit, close: () => producer.close() };
  } catch (error) {
    await producer.close();
    throw error;
  }
}
