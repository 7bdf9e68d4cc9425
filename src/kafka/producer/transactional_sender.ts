/**
 * Sends messages to several topics, all of them or none, for what people do by hand (a replay of dead
 * letters). The loop of the services has a writer of its own, which commits offsets, too.
 *
 * The transactional.id is the lock: opening takes it, which fences its last owner and ends what that left
 * open. So read what you decide on after opening, never before.
 */
import type { Kafka } from "kafkajs";
import { bytes } from "../dead_letters.ts";
import { byTopic, inParts } from "./partitioning.ts";
import { ProducerError, type ProducerErrorType } from "../client/error_codes.ts";
import { Producer } from "./producer.ts";

/** A message that names its partition. */
export interface ProducerRecord {
  /** The topic's name on the cluster. */
  readonly topic: string;
  readonly partition: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: Readonly<Record<string, string>>;
}

interface TransactionalSender {
  /**
   * Sends all of `messages` in one transaction; one call at a time.
   *
   * @throws {Fenced} another sender has opened this transactional.id since
   * @throws when the cluster does not accept it: this sender is spent then. None of it is visible, or all
   * of it, where the commit got no answer: the next one to open the id finds out
   */
  send(messages: readonly ProducerRecord[]): Promise<void>;
  close(): Promise<void>;
}

/** Another sender took the transactional.id: nothing was sent. */
export class Fenced extends Error {
  override readonly name = "Fenced";
}

const FENCED: readonly ProducerErrorType[] = ["INVALID_PRODUCER_EPOCH", "PRODUCER_FENCED"];

/** Longer than the transaction coordinator may be away. */
const TRANSACTION_TIMEOUT_MS = 60_000;
const DELIVERY_TIMEOUT_MS = 30_000;

/** Takes the transactional.id; resolves when the transaction of its last owner has ended. */
export async function openTransactionalSender(
  kafka: Kafka,
  transactionalId: string,
): Promise<TransactionalSender> {
  const producer = await Producer.open(kafka, {
    transactionalId,
    transactionTimeoutMs: TRANSACTION_TIMEOUT_MS,
    deliveryTimeoutMs: DELIVERY_TIMEOUT_MS,
  });
  return {
    async send(messages) {
      try {
        const outputs = byTopic(messages.map(({ key, value, ...rest }) => ({
          ...rest,
          key: bytes(key),
          value: bytes(value),
        })));
        for (const part of inParts(outputs)) await producer.send(part);
        await producer.commit();
      } catch (error) {
        const fenced = error instanceof ProducerError && FENCED.includes(error.type);
        throw fenced ? new Fenced(`another sender took ${transactionalId}`) : error;
      }
    },
    close: () => producer.close(),
  };
}
