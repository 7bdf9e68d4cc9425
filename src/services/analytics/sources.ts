/**
 * Where the projection's events come from:
 *
 * - the consumer group: live, shared with the other members, from the group's committed offsets on;
 * - the log (`--from-beginning`, or a replay): everything from the first event on, in no group; then live.
 *
 * With `once` both end when they have read what was there at the start.
 */
import type { Fact } from "./facts/fact.ts";
import { FactReader } from "./facts/reader.ts";
import type { Reading } from "./snapshot.ts";
import type { KafkaAccess } from "../../kafka/access.ts";
import { createClient } from "../../kafka/client/client.ts";
import { createGroupConsumer } from "../../kafka/group_consumer/group_consumer.ts";
import type { LossMetrics } from "../../kafka/metrics.ts";
import { untilCaughtUp } from "../../kafka/readers/backlog.ts";
import { EventFollower } from "../../kafka/readers/event_follower.ts";
import type { Logger } from "../../runtime/log.ts";
import { type Names, type Topic, topicsReadBy } from "../../topology.ts";

const SERVICE = "analytics";
const PROGRESS_EVERY_MS = 2_000;

export interface SourceOptions {
  readonly access: KafkaAccess;
  readonly clientId: string;
  readonly names: Names;
  readonly once: boolean;
  readonly drainTimeoutMs: number;
  /** How often the topics' metadata is refreshed (default: METADATA_MAX_AGE_MS). */
  readonly metadataMaxAgeMs?: number;
  readonly onFacts: (facts: readonly Fact[]) => void;
  /** The log has been read up to its end: from now on events come as they happen. */
  readonly onCaughtUp: () => void;
  readonly log: Logger;
  readonly losses?: LossMetrics | undefined;
  /** A topic was deleted and created anew: what was read is no longer in the log. */
  readonly onRecreated?: () => void;
}

export interface Source {
  /** Reads until `signal` aborts, or, with `once`, until it has caught up. */
  run(signal: AbortSignal): Promise<void>;
  /** How the reading goes, without when it started. */
  reading(): Omit<Reading, "startedAt">;
  /** The next offset to read, by topic and partition, when no group keeps it. */
  readonly positions?: ReadonlyMap<Topic, ReadonlyMap<number, number>>;
}

export function groupSource(options: SourceOptions): Source {
  const { access, clientId, names, once } = options;
  const consumer = createGroupConsumer({
    ...options,
    service: SERVICE,
    decode: new FactReader().decode,
    onEvents: options.onFacts,
  });
  const group = names.group(SERVICE);
  return {
    async run(signal) {
      if (!once) return await consumer.run(signal);
      const done = new AbortController();
      const either = AbortSignal.any([signal, done.signal]);
      const kafka = createClient(access, clientId);
      const topics = topicsReadBy(SERVICE).map((topic) => names.topic(topic));
      // Whichever ends first, in success or failure, ends the other.
      const end = () => done.abort();
      const caughtUp = untilCaughtUp(kafka, group, topics, either).finally(end);
      try {
        await consumer.run(either);
      } finally {
        end();
        await caughtUp;
      }
    },
    reading: () => ({
      source: "group",
      group,
      partitions: consumer.partitions,
      notReady: consumer.notReady() ?? null,
      progress: null,
      undecodableMessages: consumer.undecodable,
    }),
  };
}

export function logSource(options: SourceOptions): Source {
  const { names, once, log } = options;
  const events = new EventFollower({
    ...options,
    topics: topicsReadBy(SERVICE),
    decode: new FactReader().decode,
    onEvents: options.onFacts,
  });
  let caughtUp = false;
  return {
    positions: events.positions,
    async run(signal) {
      const progress = setInterval(
        () => log.info(`${events.passed} of ${events.expected} offsets read`),
        PROGRESS_EVERY_MS,
      );
      try {
        await events.readToEnd(signal);
      } finally {
        clearInterval(progress);
      }
      if (signal.aborted) return;
      caughtUp = true;
      options.onCaughtUp();
      log.info(`caught up: ${events.records} records read`);
      if (!once) await events.follow(signal);
    },
    reading: () => ({
      source: "log",
      group: names.group(SERVICE),
      partitions: events.partitions,
      notReady: events.notReady() ?? null,
      progress: caughtUp ? null : { passed: events.passed, expected: events.expected },
      undecodableMessages: events.undecodable,
    }),
  };
}
