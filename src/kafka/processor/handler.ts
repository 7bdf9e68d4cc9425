/** What a service's handler is called with, and what it returns. */
import type { OrderEvent } from "../../events/schemas.ts";
import type { Topic } from "../../topology.ts";
import { ConsumerRecord, DeadLetter } from "../records.ts";

/** One decoded event and where it was read. */
export interface EventRecord<E extends OrderEvent = OrderEvent> {
  readonly event: E;
  readonly topic: Topic;
  readonly partition: number;
  readonly raw: ConsumerRecord;
}

/** What a handler made of a batch: published in one transaction with the batch's offsets. */
export interface HandlerResult<Out extends OrderEvent = OrderEvent> {
  readonly events: readonly Out[];
  readonly deadLetters?: readonly DeadLetter[];
}

/**
 * Turns a batch of one partition into events. It may be called again with the same messages, and must
 * then return the same events: whatever it stores is idempotent by orderId.
 *
 * @throws {RetryableError} something it depends on does not answer: the same batch is tried again later
 */
export type Handler<In extends OrderEvent = OrderEvent, Out extends OrderEvent = OrderEvent> = (
  batch: readonly EventRecord<In>[],
) => Promise<HandlerResult<Out>>;

/** The events that may be on a topic. */
export type EventOf<T extends Topic> = Extract<
  OrderEvent,
  { type: typeof import("../../topology.ts").TOPICS[T]["events"][number] }
>;
