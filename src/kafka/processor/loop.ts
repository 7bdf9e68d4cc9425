/**
 * The loop of one batch, top to bottom: what was fetched of an input partition is decoded, handled, and
 * published in one step with its offset; then it goes on. docs/exactly-once.md says why that is safe.
 *
 * That one step is `PartitionTask.advance`: the tables' position (assignment.ts), then the outputs and
 * the offset in one Kafka transaction (partition_writer.ts).
 */
import type { EachBatchPayload, KafkaMessage, TopicMessages } from "kafkajs";
import { decode, encode } from "../../events/codec.ts";
import {
  deadLetterTopicOf,
  PROCESSORS,
  type Topic,
  topicOf,
  topicsReadBy,
} from "../../topology.ts";
import { bytes, REPLAYED_FROM, toDeadLetterMessage } from "../dead_letters.ts";
import { epochOf, type FetchedBatch } from "../log_watch/topic_watch.ts";
import { headersAsText, type RawHeaders } from "../protocol/header_map.ts";
import { describeUnreadable, type Unreadable, unreadableOf } from "../protocol/unreadable.ts";
import type { ConsumerRecord, DeadLetter } from "../records.ts";
import type { EventRecord, Handler, HandlerResult } from "./handler.ts";
import type { ProcessorOptions } from "./options.ts";
import type { PartitionTask } from "./partition_task.ts";
import { handleWithRetries } from "./failures.ts";
import type { Skips } from "./skips.ts";

export interface BatchContext {
  readonly options: ProcessorOptions;
  readonly topic: Topic;
  readonly task: PartitionTask;
  readonly skips: Skips;
  /** Aborts when the partition may be revoked: the loop ends between two transactions. */
  readonly revoked: AbortSignal;
  /** Lets the consumer fetch from an offset. */
  readonly seek: (offset: number) => void;
  /** Called after each part of the batch that is done. */
  readonly onProgress: () => void;
}

/** @param payload what was fetched: the next records of one partition, in order */
export async function processBatch(
  payload: EachBatchPayload,
  context: BatchContext,
): Promise<void> {
  const { batch, isRunning, isStale, resolveOffset } = payload;
  const { topic: topicName, partition } = batch;
  const { options, topic, task, revoked } = context;
  const { maxBatch, metrics } = options;
  const goesOn = () => isRunning() && !isStale() && !revoked.aborted;
  if (!goesOn()) return;
  const fetched = await unprocessed(payload, context);
  const stop = fetched.findIndex((message) => unreadableOf(message));
  const readable = stop < 0 ? fetched : fetched.slice(0, stop);
  for (let done = 0; done < readable.length && goesOn(); done += maxBatch) {
    const messages = readable.slice(done, done + maxBatch);
    const isLast = stop < 0 && done + maxBatch >= readable.length;
    const lastOffset = messages.at(-1)!.offset;
    // After the last message may come a control record, which no handler is given: step over it, too.
    const nextOffset = Number(isLast ? batch.lastOffset() : lastOffset) + 1;
    const last = isLast ? (batch as FetchedBatch).rawMessages.at(-1) : messages.at(-1);
    const stopTimer = metrics.batchSeconds.startTimer();
    const chunk = { topic, topicName, partition, messages };
    const { outputs, report } = await transform(options, chunk, revoked);
    await task.advance(outputs, nextOffset, epochOf(last));
    stopTimer();
    report();
    metrics.messages.inc({ topic }, messages.length);
    resolveOffset(lastOffset);
    context.onProgress();
  }
  if (stop >= 0 && goesOn()) await skip(payload, context, unreadableOf(fetched[stop]!)!);
}

/** What of a batch is to be processed: the partition's position decides, not the consumer's. */
async function unprocessed(
  { batch, resolveOffset }: EachBatchPayload,
  { task, seek }: BatchContext,
): Promise<KafkaMessage[]> {
  const { fetchedOffset, rawMessages } = batch as FetchedBatch;
  const from = Number(fetchedOffset);
  let position = await task.position();
  const remaining = () => batch.messages.filter(({ offset }) => Number(offset) >= position);
  const epoch = epochOf(remaining()[0]);
  if (epoch !== null && task.leaderEpoch !== null && epoch !== task.leaderEpoch) {
    // Another leader wrote it, whose log may lack what was read last: an assignment compares them.
    await task.close();
    position = await task.position();
  }
  if (position < from) {
    seek(position);
    return [];
  }
  const messages = remaining();
  if (messages.length === 0) {
    task.stepOver(from, Number(batch.lastOffset()) + 1, epochOf(rawMessages.at(-1)));
    resolveOffset(batch.lastOffset());
  }
  return messages;
}

type TransformOptions = Pick<
  ProcessorOptions,
  "handlers" | "log" | "metrics" | "names" | "service"
>;

interface Chunk {
  readonly topic: Topic;
  /** The topic's name on the cluster. */
  readonly topicName: string;
  readonly partition: number;
  readonly messages: readonly KafkaMessage[];
}

interface Transformed {
  readonly outputs: TopicMessages[];
  /** Counts and logs what was published: for when it is committed, however often it was tried. */
  readonly report: () => void;
}

/**
 * Turns the messages read into those that their transaction publishes. An event goes to the handler,
 * anything else becomes a dead letter. An order's messages keep its key, its partition number and its
 * trace.
 *
 * @param signal gives up between two attempts when it aborts
 * @throws {RetryableError} something that the handler depends on does not answer; and whatever is a bug
 */
export async function transform(
  options: TransformOptions,
  { topic, topicName, partition, messages }: Chunk,
  signal: AbortSignal,
): Promise<Transformed> {
  const { handlers, names, service } = options;
  const received: EventRecord[] = [];
  const undecodable: DeadLetter[] = [];
  const othersDeadLetters = PROCESSORS
    .filter((other) => other !== service && topicsReadBy(other).includes(topic))
    .map((other) => `${names.topic(deadLetterTopicOf(other))} `);
  for (const message of messages) {
    const raw = toRecord(message);
    // A replay is for the service that could not process the message; the topic's other readers did.
    const replayedFrom = raw.headers[REPLAYED_FROM];
    if (othersDeadLetters.some((others) => replayedFrom?.startsWith(others))) continue;
    const decoded = decode(topic, raw.key, raw.value);
    if (decoded.ok) received.push({ event: decoded.event, topic, partition, raw });
    else undecodable.push({ topic, partition, raw, fault: decoded.fault });
  }
  // The type of `handlers` ensures that a handler gets only its own topic's events.
  const handler = handlers[topic] as Handler | undefined;
  if (handler === undefined) throw new TypeError(`${service} has no handler for ${topic}`);
  const handled: HandlerResult = received.length === 0
    ? { events: [] }
    : await handleWithRetries(handler, received, signal);

  const deadLetters = [...undecodable, ...handled.deadLetters ?? []];
  const outputs = new Outputs();
  addEvents(options, outputs, handled, received, partition);
  addDeadLetters(options, outputs, deadLetters, topicName);
  return {
    outputs: outputs.byTopic(),
    report: () => report(options, handled.events, deadLetters, topicName),
  };
}

/** A traceparent has 55 characters; a much longer one is invalid, and may not fit the output topic. */
const MAX_TRACE = 256;

function addEvents(
  { names }: TransformOptions,
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

function addDeadLetters(
  { names, service }: TransformOptions,
  outputs: Outputs,
  deadLetters: readonly DeadLetter[],
  topicName: string,
): void {
  const time = new Date().toISOString();
  for (const deadLetter of deadLetters) {
    const { attempts = 1 } = deadLetter;
    const from = { topic: topicName, group: names.group(service), attempts, time };
    outputs.to(names.topic(deadLetterTopicOf(service)))
      .push({ ...toDeadLetterMessage(deadLetter, from), partition: 0 });
  }
}

function report(
  { metrics, log }: TransformOptions,
  events: HandlerResult["events"],
  deadLetters: readonly DeadLetter[],
  topicName: string,
): void {
  for (const { type } of events) metrics.events.inc({ event: type });
  for (const { partition, raw, fault } of deadLetters) {
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

function toRecord(message: KafkaMessage): ConsumerRecord {
  const headers = headersAsText(message.headers as RawHeaders);
  return { offset: Number(message.offset), key: message.key, value: message.value, headers };
}

/**
 * A batch that cannot be read is left behind when a person has decided so, and no earlier.
 *
 * @throws {UnreadableBatch} no skip was asked for
 */
async function skip(
  { batch, resolveOffset }: EachBatchPayload,
  { options: { log, metrics }, task, skips, onProgress }: BatchContext,
  unreadable: Unreadable,
): Promise<void> {
  const next = await skips.nextAfter(batch, unreadable);
  await task.advance([], next);
  await task.flush({ force: true });
  log.warn(`${describeUnreadable(batch, unreadable)}: skipped, as \`deno task dlq skip\` was told`);
  metrics.deadLetters.inc({ reason: "unreadable" });
  resolveOffset(String(next - 1));
  onProgress();
}
