/**
 * Traces: spans of the orders whose `traceparent` says that they are sampled, exported over OTLP by Deno
 * itself. docs/tracing.md has what one sees.
 *
 * These types are all that most rooms know of it. Without OTEL_DENO none of the rest is loaded (open.ts),
 * and whoever may have a `Tracing` has undefined.
 */
import type { TopicMessages } from "kafkajs";
import type { Database } from "../../database/database.ts";
import type { ConsumerRecord } from "../records.ts";

/** Records of one partition that are processed and committed together. */
export interface TracedBatch {
  /** The topic's name on the cluster. */
  readonly topicName: string;
  readonly partition: number;
  readonly messages: readonly ConsumerRecord[];
}

/** The spans of one batch. */
export interface BatchTrace {
  /**
   * The batch is processed; what came of it is to be committed. Each output of a sampled order gets a
   * `traceparent` of its own.
   */
  send(outputs: readonly TopicMessages[]): void;
  /** It is committed. */
  end(): void;
  /** It is not, and will be read again. */
  fail(error: unknown): void;
}

/** By topic, what a service does with its records. */
export interface Handlers {
  // deno-lint-ignore no-explicit-any -- each takes the events of its own topic
  readonly [topic: string]: ((batch: readonly any[]) => Promise<any>) | undefined;
}

/** Of a service that consumes, transforms and produces. */
export interface Tracing {
  /**
   * A batch is to be processed.
   *
   * @param isSkipped whether a record is none of the service's
   * @returns undefined when no record is sampled
   */
  begin(
    batch: TracedBatch,
    isSkipped: (record: ConsumerRecord) => boolean,
  ): BatchTrace | undefined;
  /** Handlers within which spans are a part of their batch's. */
  handlers<H extends Handlers>(handlers: H): H;
  /** A database whose transactions are spans within such a handler. */
  database(database: Database, owner: string, place: { readonly url?: string }): Database;
  /** Does `work` as a part of an order's spans; of none when it is not sampled. */
  within<T>(orderId: string, work: () => T): T;
}

/** Of the simulator: where traces begin. */
export interface OrderTraces {
  /** The `traceparent` of a new order; undefined where OTEL_TRACES_SAMPLER leaves it out. */
  begin(orderId: string): string | undefined;
  /** Kafka has these records. */
  acknowledged(records: readonly { readonly headers?: Readonly<Record<string, string>> }[]): void;
  /** What is not acknowledged by now may never be. */
  close(): void;
}
