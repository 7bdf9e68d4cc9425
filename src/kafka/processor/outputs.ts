/** What a batch publishes, as messages: the events of its handler, and its dead letters. */
import type { IHeaders, Message, TopicMessages } from "kafkajs";
import { cloudEventHeaders } from "../../events/cloud_events.ts";
import type { OrderEvent } from "../../events/schemas.ts";
import { deadLetterTopicOf, topicOf } from "../../topology.ts";
import { toDeadLetterMessage } from "../dead_letters.ts";
import type { DeadLetter } from "../records.ts";
import type { EventRecord } from "./handler.ts";
import type { ProcessorOptions } from "./options.ts";

/** What came of a batch. */
interface Results {
  readonly received: readonly EventRecord[];
  readonly events: readonly OrderEvent[];
  readonly deadLetters: readonly DeadLetter[];
  /** The input topic's name on the cluster. */
  readonly topicName: string;
  readonly partition: number;
}

/** An order's messages keep its key, its partition number and its trace. */
export function outputsOf(
  results: Results,
  { names, service, cloudEventSource }: Pick<
    ProcessorOptions,
    "names" | "service" | "cloudEventSource"
  >,
): TopicMessages[] {
  const { received, events, deadLetters, topicName, partition } = results;
  const traces = tracesOf(received);
  const messageOf = (event: OrderEvent): Message => {
    const headers: IHeaders = cloudEventSource ? cloudEventHeaders(event, cloudEventSource) : {};
    const traceparent = traces.get(event.orderId);
    if (traceparent) headers.traceparent = traceparent;
    return {
      key: event.orderId,
      // Its bytes are made where they are needed: in the batch.
      value: JSON.stringify(event),
      partition,
      headers,
    };
  };
  const byTopic = Map.groupBy(events, ({ type }) => topicOf(type));
  const outputs = [...byTopic].map(([topic, events]) => ({
    topic: names.topic(topic),
    messages: events.map(messageOf),
  }));
  if (deadLetters.length === 0) return outputs;
  const from = { topic: topicName, group: names.group(service), time: new Date().toISOString() };
  const messages = deadLetters.map((deadLetter) => {
    const { attempts = 1 } = deadLetter;
    return { ...toDeadLetterMessage(deadLetter, { ...from, attempts }), partition: 0 };
  });
  return [...outputs, { topic: names.topic(deadLetterTopicOf(service)), messages }];
}

/** A traceparent has 55 characters; a much longer one is invalid, and may not fit the output topic. */
const MAX_TRACE = 256;

/** By order id. */
function tracesOf(received: readonly EventRecord[]): Map<string, string> {
  const traces = new Map<string, string>();
  for (const { event, raw } of received) {
    const trace = raw.headers.traceparent;
    if (trace && trace.length <= MAX_TRACE) traces.set(event.orderId, trace);
  }
  return traces;
}

/**
 * @returns counts and logs what was published. It waits for the transaction, and keeps no event: thousands
 *   that live as long are what makes V8's garbage collection expensive.
 */
export function reportOf(
  { events, deadLetters, topicName }: Results,
  { metrics, log }: Pick<ProcessorOptions, "metrics" | "log">,
): () => void {
  const counts = new Map<OrderEvent["type"], number>();
  for (const { type } of events) counts.set(type, (counts.get(type) ?? 0) + 1);
  return () => {
    for (const [event, count] of counts) metrics.events.inc({ event }, count);
    for (const { partition, raw, fault } of deadLetters) {
      metrics.deadLetters.inc({ reason: fault.reason });
      log.warn(
        `dead letter: ${topicName} partition ${partition} offset ${raw.offset}: ` +
          `${fault.reason}: ${fault.detail}`,
      );
    }
  };
}
