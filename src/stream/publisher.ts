/**
 * Publishes messages to one topic: idempotent, acks all, batches one after the other. Two sends at
 * once on one idempotent producer would reuse sequence numbers, hence a single file of batches; and
 * hence what is acknowledged is always a prefix of what was handed in.
 */
import type { Kafka, Message, Producer } from "kafkajs";
import { bytes } from "./dead_letters.ts";

export interface Publication {
  readonly key: string | null;
  readonly value: Uint8Array | null;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Publisher {
  /**
   * Resolves when the cluster has acknowledged all of `batch`; batches are sent in the order of the
   * calls. Keys choose the partition as in Kafka's own clients (murmur2).
   *
   * @throws when the cluster does not acknowledge in time. Whether the batch is there is then unknown:
   * open another publisher and send it again; its consumers must know a second copy by its id
   */
  publish(batch: readonly Publication[]): Promise<void>;
  close(): Promise<void>;
}

export async function openPublisher(kafka: Kafka, topic: string): Promise<Publisher> {
  const producer: Producer = kafka.producer({
    idempotent: true,
    maxInFlightRequests: 1,
    allowAutoTopicCreation: false,
    // Finite, unlike kafkajs's default for idempotent producers, so that a caller learns of an outage.
    retry: { retries: 8 },
  });
  await producer.connect();
  let last: Promise<unknown> = Promise.resolve();
  return {
    publish(batch) {
      const messages = batch.map(({ key, value, headers }): Message => ({
        key,
        value: bytes(value),
        headers: { ...headers },
      }));
      const sent = last.then(() => producer.send({ topic, acks: -1, messages }));
      last = sent.catch(() => {});
      return sent.then(() => {});
    },
    close: () => producer.disconnect(),
  };
}
