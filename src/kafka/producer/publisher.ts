/**
 * Publishes messages to one topic: idempotent, acks=all, one batch after the other, so that the
 * acknowledged messages are always the first ones.
 */
import type { Kafka, Message } from "kafkajs";
import { bytes } from "../dead_letters.ts";
import { LeaderUnknown } from "../offsets/log_ends.ts";
import { partitionForKey } from "./partitioning.ts";
import { Producer } from "./producer.ts";

export interface KeyedRecord {
  readonly key: string | null;
  /** Text becomes bytes in the batch that is sent: UTF-8. */
  readonly value: Uint8Array | string | null;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Publisher {
  /**
   * Resolves when the cluster has acknowledged all of `batch`; batches are sent in the order of the
   * calls. Keys choose the partition as in Kafka's own clients (murmur2).
   *
   * @throws when the cluster does not acknowledge in time. The batch may have been written: open another
   * publisher and send it again; its consumers must recognize a second copy by its id
   */
  publish(batch: readonly KeyedRecord[]): Promise<void>;
  close(): Promise<void>;
}

/** As in Kafka's own client. Long, because a batch that is sent again may be written twice. */
const DELIVERY_TIMEOUT_MS = 120_000;

const NO_HEADERS = {};

/** @param onDelay called with the reason, once for each batch that takes some seconds */
export async function openPublisher(
  kafka: Kafka,
  topic: string,
  onDelay?: (error: Error) => void,
): Promise<Publisher> {
  const producer = await Producer.open(kafka, { deliveryTimeoutMs: DELIVERY_TIMEOUT_MS, onDelay });
  let partitions: number;
  try {
    partitions = await producer.partitionsOf(topic);
    // The metadata lacks the topic for a moment.
    if (partitions === 0) throw new LeaderUnknown(topic);
  } catch (error) {
    await producer.close();
    throw error;
  }
  let last: Promise<unknown> = Promise.resolve();
  /** Messages without a key go to the partitions in turn. */
  let keyless = 0;
  const send = async (batch: readonly KeyedRecord[]) => {
    // A topic may get more partitions.
    partitions = await producer.partitionsOf(topic).catch(() => partitions);
    const messages = batch.map(({ key, value, headers = NO_HEADERS }): Message => ({
      key,
      value: typeof value === "string" ? value : bytes(value),
      headers,
      partition: key === null ? keyless++ % partitions : partitionForKey(key, partitions),
    }));
    await producer.send([{ topic, messages }]);
  };
  return {
    publish(batch) {
      const sent = last.then(() => send(batch));
      last = sent.catch(() => {});
      return sent;
    },
    close: () => producer.close(),
  };
}
