/** What is read from Kafka, and what becomes of a message that cannot be processed. */
import type { Fault } from "../events/codec.ts";
import type { Topic } from "../topology.ts";

/** One message as Kafka delivered it. */
export interface ConsumerRecord {
  /** Kafka's offset: a safe integer. */
  readonly offset: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  /** Header values as text; what is not UTF-8 is replaced. */
  readonly headers: Readonly<Record<string, string>>;
}

/** A message that cannot be processed, and why: it goes to the service's dead letters. */
export interface DeadLetter {
  readonly partition: number;
  readonly topic: Topic;
  readonly raw: ConsumerRecord;
  readonly fault: Fault;
  /** How often processing was tried since it was read; once unless said. */
  readonly attempts?: number;
}

/** A record of the log. */
export interface LogRecord extends ConsumerRecord {
  /** The topic's name on the cluster. */
  readonly topic: string;
  readonly partition: number;
  /** When the producer made it, epoch milliseconds. */
  readonly timestamp: number;
}
