/**
 * Writes the outcome of one input partition's batches, under one of two guarantees.
 *
 * exactly_once: outputs and the input's offset in one Kafka transaction. The transactional.id belongs
 * to the input partition, so that taking it fences whoever had the partition before; kafkajs commits
 * offsets without the group's generation (no KIP-447), which makes this the only fence there is.
 * Hence the order in `open`: fence first, and only then read the committed offset.
 *
 * at_least_once: outputs first, then the offset. A crash between the two repeats the outputs.
 *
 * A writer is used by one batch at a time: two sends at once on one idempotent producer would reuse
 * sequence numbers. After any error it is spent: close it and open another.
 */
import type { Consumer, Kafka, Producer, TopicMessages, Transaction } from "kafkajs";
import { pause } from "../runtime/stop.ts";
import { isCoordinatorMoving } from "./client.ts";
import { inParts } from "./in_parts.ts";

export interface PartitionWriter {
  /** The next offset to process, or undefined when the group has committed none yet. */
  readonly start: number | undefined;
  /** Publishes `outputs` and that everything below `nextOffset` is done. */
  commit(outputs: TopicMessages[], nextOffset: number): Promise<void>;
  close(): Promise<void>;
}

/** Which input partition is written for; names as Kafka knows them. */
export interface InputPartition {
  readonly topic: string;
  readonly partition: number;
  readonly group: string;
}

/** -1: all in-sync replicas. */
const ACKS_ALL = -1;

/**
 * Whether an answer to the offset's requests means "in a moment", which kafkajs never retries: the
 * markers of the last transaction are still being written (a transaction without outputs begins with
 * this request), or the coordinator is on its way.
 */
function inAMoment(error: unknown): boolean {
  return (error as { type?: string }).type === "CONCURRENT_TRANSACTIONS" ||
    isCoordinatorMoving(error);
}

const OFFSET_ATTEMPTS = 20;
const OFFSET_RETRY_MS = { first: 10, most: 300 };

export async function openTransactionalWriter(
  kafka: Kafka,
  input: InputPartition,
  options: {
    transactionalId: string;
    transactionTimeoutMs: number;
    committedOffset: () => Promise<number | undefined>;
  },
): Promise<PartitionWriter> {
  // Without `idempotent` kafkajs allows finite retries; transactions are idempotent all the same.
  const producer = kafka.producer({
    transactionalId: options.transactionalId,
    transactionTimeout: options.transactionTimeoutMs,
    maxInFlightRequests: 1,
    allowAutoTopicCreation: false,
    createPartitioner: explicitPartition,
  });
  try {
    await producer.connect();
    // Beginning the first transaction takes the transactional.id: it fences the previous owner and
    // aborts what it left open. Nothing is sent for the transaction itself before the first output.
    let transaction: Transaction | undefined = await producer.transaction();
    const start = await options.committedOffset();
    return {
      start,
      async commit(outputs, nextOffset) {
        const tx = transaction ??= await producer.transaction();
        for (const topicMessages of inParts(outputs)) {
          await tx.sendBatch({ acks: ACKS_ALL, topicMessages });
        }
        await sendOffset(tx, input, nextOffset);
        await tx.commit();
        transaction = undefined;
      },
      close: () => abandon(producer, transaction),
    };
  } catch (error) {
    await abandon(producer, undefined);
    throw error;
  }
}

export async function openAtLeastOnceWriter(
  kafka: Kafka,
  input: InputPartition,
  options: { consumer: Consumer; committedOffset: () => Promise<number | undefined> },
): Promise<PartitionWriter> {
  const producer = kafka.producer({
    maxInFlightRequests: 1,
    allowAutoTopicCreation: false,
    createPartitioner: explicitPartition,
  });
  try {
    await producer.connect();
    const start = await options.committedOffset();
    return {
      start,
      async commit(outputs, nextOffset) {
        for (const topicMessages of inParts(outputs)) {
          await producer.sendBatch({ acks: ACKS_ALL, topicMessages });
        }
        const { topic, partition } = input;
        await options.consumer.commitOffsets([{ topic, partition, offset: String(nextOffset) }]);
      },
      close: () => abandon(producer, undefined),
    };
  } catch (error) {
    await abandon(producer, undefined);
    throw error;
  }
}

/** Adds the offset to the transaction. */
async function sendOffset(tx: Transaction, input: InputPartition, offset: number): Promise<void> {
  const { topic, partition, group } = input;
  const topics = [{ topic, partitions: [{ partition, offset: String(offset) }] }];
  let waitMs = OFFSET_RETRY_MS.first;
  for (let attempt = 1;; attempt++) {
    try {
      return await tx.sendOffsets({ consumerGroupId: group, topics });
    } catch (error) {
      if (!inAMoment(error) || attempt === OFFSET_ATTEMPTS) throw error;
      await pause(waitMs);
      waitMs = Math.min(OFFSET_RETRY_MS.most, waitMs * 1.5);
    }
  }
}

async function abandon(producer: Producer, transaction: Transaction | undefined): Promise<void> {
  // Whatever fails here, the next owner's fence undoes.
  await transaction?.abort().catch(() => {});
  await producer.disconnect().catch(() => {});
}

/** Every message says its partition: the number of the input's, so that an order keeps its number. */
function explicitPartition() {
  return ({ message }: { message: { partition?: number } }): number => {
    if (message.partition === undefined) throw new TypeError("an output names no partition");
    return message.partition;
  };
}
