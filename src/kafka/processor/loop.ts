/**
 * The loop of one batch, top to bottom: what was fetched of an input partition is decoded, handled, and
 * published in one step with its offset; then it goes on. docs/exactly-once.md says why that is safe.
 *
 * That one step is `PartitionTask.advance`: the tables' position (assignment.ts), then the outputs and
 * the offset in one Kafka transaction (member_writer.ts).
 */
import type { TopicMessages } from "kafkajs";
import { decode } from "../../events/codec.ts";
import type { Topic } from "../../topology.ts";
import { isReplayForAnother } from "../dead_letters.ts";
import type { BatchInHand } from "../group/membership.ts";
import { epochOf } from "../log_watch/topic_watch.ts";
import { describeUnreadable, type Unreadable, unreadableOf } from "../protocol/unreadable.ts";
import type { ConsumerRecord, DeadLetter } from "../records.ts";
import type { EventRecord, Handler, HandlerResult } from "./handler.ts";
import type { ProcessorOptions } from "./options.ts";
import type { Pacing } from "./pacing.ts";
import type { PartitionTask } from "./partition_task.ts";
import { handleWithRetries } from "./failures.ts";
import { outputsOf, reportOf } from "./outputs.ts";
import type { Skips } from "./skips.ts";

export interface BatchContext {
  readonly options: ProcessorOptions;
  readonly topic: Topic;
  readonly task: PartitionTask;
  readonly pacing: Pick<Pacing, "turn">;
  readonly skips: Skips;
  /** Aborts when the partition may be revoked: the loop ends between two transactions. */
  readonly revoked: AbortSignal;
  /** Lets the consumer fetch from an offset. */
  readonly seek: (offset: number) => void;
  /** Called after each part of the batch that is done. */
  readonly onProgress: () => void;
}

/** @param inHand what was fetched: the next records of one partition, in order */
export async function processBatch(
  inHand: BatchInHand,
  context: BatchContext,
): Promise<void> {
  const { batch, isRunning, isStale } = inHand;
  const { topic: topicName, partition } = batch;
  const { options, topic, task, pacing, revoked } = context;
  const { maxBatch, metrics } = options;
  const goesOn = () => isRunning() && !isStale() && !revoked.aborted;
  if (!goesOn()) return;
  const fetched = await unprocessed(inHand, context);
  const stop = fetched.findIndex((message) => unreadableOf(message));
  const readable = stop < 0 ? fetched : fetched.slice(0, stop);
  for (let done = 0; done < readable.length; done += maxBatch) {
    const messages = readable.slice(done, done + maxBatch);
    const isLast = stop < 0 && done + maxBatch >= readable.length;
    const lastOffset = messages.at(-1)!.offset;
    // After the last message may come a control record, which no handler is given: step over it, too.
    const nextOffset = Number(isLast ? batch.lastOffset() : lastOffset) + 1;
    const last = isLast ? batch.rawMessages.at(-1) : messages.at(-1);
    await pacing.turn(batch, messages.length);
    if (!goesOn()) return;
    const stopTimer = metrics.batchSeconds.startTimer();
    const chunk = { topic, topicName, partition, messages };
    const trace = options.tracing?.begin(
      chunk,
      ({ headers }) => isReplayForAnother(options.service, topic, topicName, headers),
    );
    try {
      const { outputs, report } = await transform(options, chunk, revoked);
      trace?.send(outputs);
      await task.advance(outputs, nextOffset, epochOf(last));
      stopTimer();
      report();
    } catch (error) {
      trace?.fail(error);
      throw error;
    }
    trace?.end();
    metrics.messages.inc({ topic }, messages.length);
    context.onProgress();
  }
  if (stop >= 0 && goesOn()) await skip(inHand, context, unreadableOf(fetched[stop]!)!);
}

/** What of a batch is to be processed: the partition's position decides, not the consumer's. */
async function unprocessed(
  { batch }: BatchInHand,
  { task, seek }: BatchContext,
): Promise<readonly ConsumerRecord[]> {
  const { fetchedOffset, rawMessages } = batch;
  const from = Number(fetchedOffset);
  let position = await task.position();
  const remaining = () => batch.messages.filter(({ offset }) => offset >= position);
  const epoch = epochOf(remaining()[0]);
  if (epoch !== null && task.leaderEpoch !== null && epoch !== task.leaderEpoch) {
    // Another leader wrote it, whose log may lack what was read last: an assignment compares them. It
    // begins at the committed offset: what asked for no output is not read again, and then closed again.
    await task.flush({ force: true });
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
  readonly messages: readonly ConsumerRecord[];
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
  const { handlers, service, metrics } = options;
  const received: EventRecord[] = [];
  const undecodable: DeadLetter[] = [];
  for (const raw of messages) {
    if (isReplayForAnother(service, topic, topicName, raw.headers)) continue;
    const decoded = decode(topic, raw.key, raw.value);
    if (decoded.ok) received.push({ event: decoded.event, topic, partition, raw });
    else undecodable.push({ topic, partition, raw, fault: decoded.fault });
  }
  // The type of `handlers` ensures that a handler gets only its own topic's events.
  const handler = handlers[topic] as Handler | undefined;
  if (handler === undefined) throw new TypeError(`${service} has no handler for ${topic}`);
  const handled: HandlerResult = received.length === 0
    ? { events: [] }
    : await handleWithRetries(handler, received, signal, { onRetry: () => metrics.retries.inc() });

  const { events } = handled;
  const deadLetters = [...undecodable, ...handled.deadLetters ?? []];
  const results = { received, events, deadLetters, topicName, partition };
  return {
    outputs: outputsOf(results, options),
    report: reportOf(results, options),
  };
}

/**
 * A batch that cannot be read is left behind when a person has decided so, and no earlier.
 *
 * @throws {UnreadableBatch} no skip was asked for
 */
async function skip(
  { batch }: BatchInHand,
  { options: { log, metrics }, task, skips, seek, onProgress }: BatchContext,
  unreadable: Unreadable,
): Promise<void> {
  const next = await skips.nextAfter(batch, unreadable);
  await task.advance([], next);
  await task.flush({ force: true });
  log.warn(`${describeUnreadable(batch, unreadable)}: skipped, as \`deno task dlq skip\` was told`);
  metrics.deadLetters.inc({ reason: "unreadable" });
  seek(next);
  onProgress();
}
