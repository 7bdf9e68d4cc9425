/** Which service writes an event, from the topology: a new topic with one writer needs no line here. */
import { type EventType, type Service, topicOf, TOPICS } from "../../topology.ts";

/** Who writes an event whose topic has several writers. */
export const WRITER_IN_SHARED_TOPIC: { readonly [E in EventType]?: Service } = {
  OrderRejected: "validator",
  OrderConfirmed: "fulfillment",
  OrderCancelled: "fulfillment",
};

/** @throws {TypeError} its topic has several writers, and WRITER_IN_SHARED_TOPIC does not name it */
export function writerOf(event: EventType): Service {
  const { writers } = TOPICS[topicOf(event)];
  const writer = writers.length === 1 ? writers[0] : WRITER_IN_SHARED_TOPIC[event];
  if (writer === undefined) throw new TypeError(`no service is known to write "${event}"`);
  return writer;
}
