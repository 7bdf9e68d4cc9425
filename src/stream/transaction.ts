/**
 * Messages to several topics, all of them or none, for what a person does by hand (a replay of dead
 * letters). The loop of the services has its own writer, which commits offsets, too.
 *
 * The transactional.id is the lock: opening takes it, which fences whoever had it before and ends
 * what it left open. So read what you decide on after opening, never before.
 */
import type { Kafka, TopicMessages, Transaction } from "kafkajs";
import { bytes } from "./dead_letters.ts";
import { inParts } from "./in_parts.ts";

/** A message that says where it goes: nothing is left to a partitioner. */
export interface Addressed {
  /** The topic's name on the cluster. */
  readonly topic: string;
  readonly partition: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: Readonly<Record<string, string>>;
}

export interface TransactionalSender {
  /**
   * Sends all of `messages` in one transaction; one call at a time.
   *
   * @throws {Fenced} somebody else has opened this transactional.id since
   * @throws when the cluster does not take it: nothing of it is visible then, and the sender is spent
   */
  send(messages: readonly Addressed[]): Promise<void>;
  close(): Promise<void>;
}

/** Somebody else took the transactional.id: nothing was sent. */
export class Fenced extends Error {
  override readonly name = "Fenced";
}

/** Kafka's INVALID_PRODUCER_EPOCH and PRODUCER_FENCED; kafkajs has no name for the latter. */
const FENCED_CODES = [47, 90];

const TRANSACTION_TIMEOUT_MS = 30_000;

/** Takes the transactional.id; resolves when what its previous owner left open has been ended. */
export async function openTransactionalSender(
  kafka: Kafka,
  transactionalId: string,
): Promise<TransactionalSender> {
  // Without `idempotent` kafkajs allows finite retries; transactions are idempotent all the same.
  const producer = kafka.producer({
    transactionalId,
    transactionTimeout: TRANSACTION_TIMEOUT_MS,
    maxInFlightRequests: 1,
    allowAutoTopicCreation: false,
  });
  await producer.connect();
  let open: Transaction | undefined;
  const close = async () => {
    await open?.abort().catch(() => {});
    await producer.disconnect();
  };
  try {
    // The first transaction's beginning is what takes the id.
    open = await producer.transaction();
  } catch (error) {
    await close();
    throw error;
  }
  return {
    async send(messages) {
      const transaction = open ?? await producer.transaction();
      open = undefined;
      try {
        for (const topicMessages of inParts(byTopic(messages))) {
          await transaction.sendBatch({ acks: -1, topicMessages });
        }
        await transaction.commit();
      } catch (error) {
        await transaction.abort().catch(() => {});
        throw isFenced(error) ? new Fenced(`somebody else took ${transactionalId}`) : error;
      }
    },
    close,
  };
}

function byTopic(messages: readonly Addressed[]): TopicMessages[] {
  const topics = new Map<string, TopicMessages>();
  for (const { topic, partition, key, value, headers } of messages) {
    let entry = topics.get(topic);
    if (!entry) topics.set(topic, entry = { topic, messages: [] });
    entry.messages.push({ partition, key: bytes(key), value: bytes(value), headers });
  }
  return [...topics.values()];
}

function isFenced(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (FENCED_CODES.includes((cause as { code?: number }).code ?? 0)) return true;
  }
  return false;
}
