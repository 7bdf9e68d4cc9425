/** Records as they are read from Kafka, and dead letters. */
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

/** A message that cannot be processed, and why: it goes to the service's dead-letter topic. */
export interface DeadLetter {
  readonly partition: number;
  readonly topic: Topic;
  readonly raw: ConsumerRecord;
  readonly fault: Fault;
  /** How often the service tried to process it (default: once). */
  readonly attempts?: number;
}

/** A record of the log. */
export interface LogRecord extends ConsumerRecord {
  /** The topic's name on the cluster. */
  readonly topic: string;
  readonly partition: number;
  /** Set by the producer, epoch milliseconds. */
  readonly timestamp: number;
}
