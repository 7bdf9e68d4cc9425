/**
 * Where the events come from, and until when:
 *
 * - the consumer group: live, shared with the other members, from where the group had got to;
 * - the log (`--from-beginning`): everything from the first event on, in no group; then live.
 *
 * With `once` both end when they have read what was there when they were asked.
 */
import type { OrderEvent } from "../../events/schemas.ts";
import type { Logger } from "../../runtime/log.ts";
import type { KafkaAccess } from "../../kafka/access.ts";
import { untilCaughtUp } from "../../kafka/readers/backlog.ts";
import { createClient } from "../../kafka/client/client.ts";
import { createEventLog } from "../../kafka/readers/event_log.ts";
import { createGroupConsumer } from "../../kafka/readers/group_consumer.ts";
import type { LossMetrics } from "../../kafka/readers/log_guard.ts";
import { type Names, type Topic, topicsReadBy } from "../../topology.ts";
import type { Reading } from "./snapshot.ts";

const SERVICE = "analytics";
const PROGRESS_EVERY_MS = 2_000;

export interface SourceOptions {
  readonly access: KafkaAccess;
  readonly clientId: string;
  readonly names: Names;
  readonly once: boolean;
  readonly drainTimeoutMs: number;
  /** How old what is known of the topics may become; METADATA_MAX_AGE_MS unless said. */
  readonly metadataMaxAgeMs?: number;
  readonly onEvents: (events: readonly OrderEvent[]) => void;
  /** The log was read up to its end: from now on events come when they happen. */
  readonly onCaughtUp: () => void;
  readonly log: Logger;
  readonly losses?: LossMetrics | undefined;
  /** What was read is not what the log holds now: a topic was deleted and created anew. */
  readonly onRecreated?: () => void;
}

export interface Source {
  /** Reads until `signal` aborts, or, with `once`, until it has caught up. */
  run(signal: AbortSignal): Promise<void>;
  /** What there is to say about the reading, but when it started. */
  reading(): Omit<Reading, "startedAt">;
  /** By topic and partition the next offset to read, where no group knows it. */
  readonly positions?: ReadonlyMap<Topic, ReadonlyMap<number, number>>;
}

export function groupSource(options: SourceOptions): Source {
  const { access, clientId, names, once } = options;
  const tail = createGroupConsumer({ ...options, service: SERVICE });
  const group = names.group(SERVICE);
  return {
    async run(signal) {
      if (!once) return await tail.run(signal);
      const done = new AbortController();
      const either = AbortSignal.any([signal, done.signal]);
      const kafka = createClient(access, clientId);
      const topics = topicsReadBy(SERVICE).map((topic) => names.topic(topic));
      // Whichever ends first, by success or failure, ends the other.
      const end = () => done.abort();
      const caughtUp = untilCaughtUp(kafka, group, topics, either).finally(end);
      try {
        await tail.run(either);
      } finally {
        end();
        await caughtUp;
      }
    },
    reading: () => ({
      source: "group",
      group,
      partitions: tail.partitions,
      notReady: tail.notReady() ?? null,
      progress: null,
      undecodableMessages: tail.undecodable,
    }),
  };
}

export function logSource(options: SourceOptions): Source {
  const { names, once, log } = options;
  const events = createEventLog({ ...options, topics: topicsReadBy(SERVICE) });
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
