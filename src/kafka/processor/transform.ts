/**
 * A batch of one input partition as it was read, to the messages that its transaction publishes: what
 * is an event goes to the handler, what is not to the dead letters. An order's messages keep its key,
 * its partition number and its trace.
 */
import type { KafkaMessage, TopicMessages } from "kafkajs";
import { decode, encode } from "../../events/codec.ts";
import {
  deadLetterTopicOf,
  PROCESSORS,
  type Topic,
  topicOf,
  topicsReadBy,
} from "../../topology.ts";
import { handleWithRetries } from "./retry.ts";
import { bytes, REPLAYED_FROM, toDeadLetterMessage } from "../dead_letters.ts";
import type { EventRecord, Handler, HandlerResult } from "./handler.ts";
import type { DeadLetter } from "../records.ts";
import type { ConsumerRecord } from "../records.ts";
import type { ProcessorOptions } from "./processor.ts";

type Options = Pick<ProcessorOptions, "handlers" | "log" | "metrics" | "names" | "service">;

export interface Chunk {
  readonly topic: Topic;
  /** The topic's name on the cluster. */
  readonly topicName: string;
  readonly partition: number;
  readonly messages: readonly KafkaMessage[];
}

export interface Transformed {
  readonly outputs: TopicMessages[];
  /** Counts and logs what was published: for when it is committed, however often it was tried. */
  readonly report: () => void;
}

/**
 * @param signal gives up between two attempts when it aborts
 * @throws {RetryableError} something that the handler depends on does not answer; and whatever is a bug
 */
export async function transform(
  options: Options,
  { topic, topicName, partition, messages }: Chunk,
  signal: AbortSignal,
): Promise<Transformed> {
  const { handlers, names, service } = options;
  const received: EventRecord[] = [];
  const faulty: DeadLetter[] = [];
  const othersLetters = PROCESSORS
    .filter((other) => other !== service && topicsReadBy(other).includes(topic))
    .map((other) => `${names.topic(deadLetterTopicOf(other))} `);
  for (const message of messages) {
    const raw = toRaw(message);
    // A replay is for the service that could not process the message; the topic's other readers did.
    const replayedFrom = raw.headers[REPLAYED_FROM];
    if (othersLetters.some((letters) => replayedFrom?.startsWith(letters))) continue;
    const decoded = decode(topic, raw.key, raw.value);
    if (decoded.ok) received.push({ event: decoded.event, topic, partition, raw });
    else faulty.push({ topic, partition, raw, fault: decoded.fault });
  }
  // Which handler belongs to which topic's events the type of `handlers` has made sure of.
  const handler = handlers[topic] as Handler | undefined;
  if (handler === undefined) throw new TypeError(`${service} has no handler for ${topic}`);
  const handled: HandlerResult = received.length === 0
    ? { events: [] }
    : await handleWithRetries(handler, received, signal);

  const letters = [...faulty, ...handled.deadLetters ?? []];
  const outputs = new Outputs();
  publishEvents(options, outputs, handled, received, partition);
  publishLetters(options, outputs, letters, topicName);
  return {
    outputs: outputs.byTopic(),
    report: () => report(options, handled.events, letters, topicName),
  };
}

/** A trace's id has 55 characters; what is much longer is none, and may not fit the output topic. */
const MAX_TRACE = 256;

function publishEvents(
  { names }: Options,
  outputs: Outputs,
  handled: HandlerResult,
  received: readonly EventRecord[],
  partition: number,
): void {
  const traces = new Map<string, string>();
  for (const { event, raw } of received) {
    const trace = raw.headers.traceparent;
    if (trace && trace.length <= MAX_TRACE) traces.set(event.orderId, trace);
  }
  for (const event of handled.events) {
    const traceparent = traces.get(event.orderId);
    outputs.to(names.topic(topicOf(event.type))).push({
      key: event.orderId,
      value: bytes(encode(event)),
      partition,
      headers: traceparent ? { traceparent } : {},
    });
  }
}

function publishLetters(
  { names, service }: Options,
  outputs: Outputs,
  letters: readonly DeadLetter[],
  topicName: string,
): void {
  const time = new Date().toISOString();
  for (const letter of letters) {
    const { attempts = 1 } = letter;
    const from = { topic: topicName, group: names.group(service), attempts, time };
    outputs.to(names.topic(deadLetterTopicOf(service)))
      .push({ ...toDeadLetterMessage(letter, from), partition: 0 });
  }
}

function report(
  { metrics, log }: Options,
  events: HandlerResult["events"],
  letters: readonly DeadLetter[],
  topicName: string,
): void {
  for (const { type } of events) metrics.events.inc({ event: type });
  for (const { partition, raw, fault } of letters) {
    metrics.deadLetters.inc({ reason: fault.reason });
    log.warn(
      `dead letter: ${topicName} partition ${partition} offset ${raw.offset}: ` +
        `${fault.reason}: ${fault.detail}`,
    );
  }
}

/** Messages by the topic that they go to. */
class Outputs {
  readonly #messages = new Map<string, TopicMessages>();

  to(topic: string): TopicMessages["messages"] {
    let output = this.#messages.get(topic);
    if (!output) this.#messages.set(topic, output = { topic, messages: [] });
    return output.messages;
  }

  byTopic(): TopicMessages[] {
    return [...this.#messages.values()];
  }
}

function toRaw(message: KafkaMessage): ConsumerRecord {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(message.headers ?? {})) {
    headers[name] = Array.isArray(value) ? value.map(String).join(",") : String(value ?? "");
  }
  return { offset: Number(message.offset), key: message.key, value: message.value, headers };
}
