/**
 * What may happen to the log under a reader that keeps no tables: a topic that is created anew, records
 * that are deleted before they are read, or cut off. It goes on with what is there, and says so.
 */
import type { Consumer } from "kafkajs";
import type { Logger } from "../../runtime/log.ts";
import { pause } from "../../runtime/shutdown.ts";
import { explain } from "../client/errors.ts";
import type { OffsetOutOfRange } from "../patches/consumer.ts";
import type { LossMetrics } from "../metrics.ts";
import type { Positions } from "./positions.ts";
import { CONFIRM_MS, TOPIC_CHECK_MS, TopicWatch } from "../log_watch/topic_watch.ts";
import { watchConsumer } from "../group/fetch_watch.ts";
import { whileItRuns } from "../group/member.ts";
import { startAt } from "../log_watch/start_position.ts";
import { type LogStates, TopicUnknown } from "../log_watch/log_states.ts";

/** Between two fetches: after more than that a topic may have gone and come back unnoticed. */
const MAX_FETCH_GAP_MS = 400;
const RETRY_MS = 500;

interface LogGuardOptions {
  readonly consumer: Consumer;
  readonly logs: LogStates;
  /** The topics' names by those on the cluster. */
  readonly topics: ReadonlyMap<string, string>;
  /** The topics' ids by name on the cluster, as they were last; outlives a consumer. */
  readonly ids: Map<string, string>;
  readonly positions: Positions;
  readonly log: Logger;
  readonly metrics: LossMetrics | undefined;
  readonly topicCheckMs?: number;
  /** After how long a changed id is checked once more (default: 1,000). */
  readonly confirmMs?: number;
}

export class LogGuard {
  readonly #watch: TopicWatch;
  readonly #checking: ReturnType<typeof setInterval>;
  readonly #closed = new AbortController();
  #assignment: Record<string, number[]> = {};

  constructor(private readonly options: LogGuardOptions) {
    const { consumer, logs, ids, topicCheckMs = TOPIC_CHECK_MS } = options;
    this.#watch = new TopicWatch(logs, (topics) => this.#startOver(topics));
    for (const [topic, id] of ids) this.#watch.add(topic, topic, id);
    this.#checking = setInterval(() => this.#watch.invalidate(), topicCheckMs);
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      this.#assignment = payload.memberAssignment;
      this.#watch.invalidate();
    });
    watchConsumer(consumer, MAX_FETCH_GAP_MS, {
      onNothing: ({ topic, partition }, _from, to) =>
        options.positions.advance(topic, partition, to),
      onDoubt: () => this.#watch.invalidate(),
      onOutOfRange: (place) => void this.#onOutOfRange(place),
    });
  }

  /**
   * Whether the topics are those that were read before: a batch may be read on. Where one is not, its
   * partitions are read from their beginning.
   */
  async checkTopics(): Promise<boolean> {
    try {
      await this.#watch.check();
      await this.#noteIds();
      return true;
    } catch (error) {
      this.options.log.debug(`topics not compared: ${explain(error)}`);
      return false;
    }
  }

  close(): void {
    clearInterval(this.#checking);
    this.#closed.abort();
  }

  async #noteIds(): Promise<void> {
    const { logs, topics, ids } = this.options;
    if ([...topics.keys()].every((topic) => ids.has(topic))) return;
    for (const [topic, id] of await logs.topicIds([...topics.keys()]) ?? []) {
      ids.set(topic, id);
      this.#watch.add(topic, topic, id);
    }
  }

  async #startOver(topics: readonly string[]): Promise<void> {
    const { logs, ids, confirmMs = CONFIRM_MS } = this.options;
    await pause(confirmMs, this.#closed.signal);
    if (this.#closed.signal.aborted) return;
    const now = await logs.topicIds(topics);
    for (const topic of topics) {
      const id = now?.get(topic);
      if (id === undefined) throw new TopicUnknown(topic);
      if (id !== ids.get(topic)) await this.#startOverTopic(topic);
      ids.set(topic, id);
      this.#watch.add(topic, topic, id);
    }
  }

  async #startOverTopic(topic: string): Promise<void> {
    const { consumer, logs, positions, log, metrics } = this.options;
    const partitions = this.#assignment[topic] ?? [];
    const firsts = await Promise.all(
      partitions.map(async (partition) => (await logs.of({ topic, partition })).log.first),
    );
    // Those of others, too: a partition that was ours may come back.
    positions.forget(topic);
    for (const [i, partition] of partitions.entries()) {
      positions.move(topic, partition, firsts[i]!);
      consumer.seek({ topic, partition, offset: String(firsts[i]) });
    }
    log.warn(`${topic} was deleted and created anew: reading it from its beginning`);
    metrics?.recreations.inc({ topic: this.options.topics.get(topic)! }, partitions.length);
  }

  async #onOutOfRange({ topic, partition, offset }: OffsetOutOfRange): Promise<void> {
    const { consumer, logs, positions, log, metrics, topics, ids } = this.options;
    const place = [{ topic, partitions: [partition] }];
    whileItRuns(() => consumer.pause(place));
    try {
      const id = ids.get(topic);
      this.#watch.invalidate();
      await this.#watch.check();
      // Of a topic that was created anew it has been moved already.
      if (ids.get(topic) !== id) return;
      const start = startAt(topic, partition, offset, await logs.of({ topic, partition }));
      if (start.lost) {
        log.warn(start.message!);
        metrics?.recordsLost.inc(
          { topic: topics.get(topic)!, why: start.lost.why },
          start.lost.records,
        );
        positions.move(topic, partition, start.offset);
        consumer.seek({ topic, partition, offset: String(start.offset) });
      }
    } catch (error) {
      log.debug(`${topic}/${partition}: ${explain(error)}`);
      await pause(RETRY_MS, this.#closed.signal);
    } finally {
      whileItRuns(() => consumer.resume(place));
    }
  }
}
