/**
 * Who writes what, from the table of topics alone: a service that is added to the topology appears on
 * the page without a line here. Pure.
 */
import { type EventType, type Service, TOPICS } from "../../topology.ts";

/** The shape of `TOPICS`, so that tests can ask about another topology. */
export type TopicTable = Readonly<
  Record<string, {
    readonly events: readonly string[];
    readonly writers: readonly string[];
    readonly readers: readonly string[];
  }>
>;

/** Who writes an event whose topic has several writers. */
export const WRITER_IN_SHARED_TOPIC: { readonly [E in EventType]?: Service } = {
  OrderRejected: "validator",
  OrderConfirmed: "fulfillment",
  OrderCancelled: "fulfillment",
};

const writerByEvent = writersOf(TOPICS);

/** @throws {TypeError} the topology does not say it */
export function writerOf(event: EventType): Service {
  const writer = writerByEvent.get(event);
  if (writer === undefined) throw new TypeError(`no service is known to write "${event}"`);
  return writer as Service;
}

/** The writer of each event: its topic's only one, or the one in WRITER_IN_SHARED_TOPIC. */
export function writersOf(topics: TopicTable): Map<string, string> {
  const shared: Readonly<Record<string, string>> = WRITER_IN_SHARED_TOPIC;
  return new Map(
    Object.values(topics).flatMap(({ events, writers }) =>
      events.flatMap((event) => {
        const writer = writers.length === 1 ? writers[0] : shared[event];
        return writer === undefined ? [] : [[event, writer] as const];
      })
    ),
  );
}
