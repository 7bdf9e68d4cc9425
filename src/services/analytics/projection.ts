/**
 * The projection of events to figures, and where the events come from:
 *
 * - the consumer group: live, shared with the other members, from the group's committed offsets on;
 * - the log (`--from-beginning`, or a replay): everything from the first event on, in no group; then live.
 *
 * With `once` both end when they have read what was there at the start.
 */
import { add, type Aggregate, createAggregate } from "./aggregate.ts";
import { OpenOrders } from "./checks/open_orders.ts";
import { type Clocks, createClocks } from "./clocks.ts";
import type { Reading } from "./snapshot.ts";
import { createClient } from "../../kafka/client/client.ts";
import { watchPartitions } from "../../kafka/partition_counts.ts";
import { decodeFact, type Fact } from "./facts/fact.ts";
import type { Logger } from "../../runtime/log.ts";
import type { KafkaAccess } from "../../kafka/access.ts";
import { untilCaughtUp } from "../../kafka/readers/backlog.ts";
import { EventFollower } from "../../kafka/readers/event_follower.ts";
import { createGroupConsumer } from "../../kafka/group_consumer/group_consumer.ts";
import type { LossMetrics } from "../../kafka/metrics.ts";
import { type Names, type Topic, topicsReadBy } from "../../topology.ts";

const SERVICE = "analytics";
const PROGRESS_EVERY_MS = 2_000;

export interface Projection {
  readonly aggregate: Aggregate;
  /** Undefined as a member of the group: another member may read an order's outcome. */
  readonly openOrders: OpenOrders | undefined;
  readonly positions: Source["positions"];
  /** Whose clock is off: see clocks.ts. */
  readonly clocks: Pick<Clocks, "off">;
  /** The newest order with an outcome that was read; null before there is one. */
  readonly recentOrder: string | null;
  reading(): Reading;
  /** Starts again from the beginning of the log; ignored while a replay is under way. */
  replay(): void;
  /** Reads until `signal` aborts, or, with `once`, until it has caught up. */
  run(signal: AbortSignal): Promise<void>;
}

export function createProjection(
  options: Omit<SourceOptions, "onFacts" | "onCaughtUp" | "onRecreated"> & {
    readonly fromBeginning: boolean;
  },
): Projection {
  const clocks = createClocks(options.log);
  const restart = () => {
    next = begin(logSource, { ...options, clocks, onRecreated: restart });
    current.ended.abort();
  };
  let current = begin(options.fromBeginning ? logSource : groupSource, {
    ...options,
    clocks,
    onRecreated: restart,
  });
  let next: typeof current | undefined;
  const partitions = watchPartitions(createClient(options.access, options.clientId), {
    ...options,
    everyMs: options.metadataMaxAgeMs,
  });
  async function projectAll(signal: AbortSignal): Promise<void> {
    do {
      current = next ?? current;
      next = undefined;
      await current.source.run(AbortSignal.any([signal, current.ended.signal]));
    } while (next !== undefined && !signal.aborted);
  }
  return {
    get aggregate() {
      return current.aggregate;
    },
    get openOrders() {
      return current.openOrders;
    },
    clocks,
    get recentOrder() {
      return current.recentOrder();
    },
    get positions() {
      return current.source.positions;
    },
    reading() {
      const { notReady, ...reading } = current.source.reading();
      return { ...reading, notReady: partitions.fault ?? notReady, startedAt: current.startedAt };
    },
    replay() {
      if (current.source.reading().progress !== null) return;
      restart();
    },
    async run(signal) {
      try {
        void partitions.check();
        await projectAll(signal);
      } finally {
        await partitions.close();
      }
    },
  };
}

/** Figures of nothing yet, and the source that adds to them. */
function begin(
  createSource: typeof logSource,
  options: Omit<SourceOptions, "onFacts" | "onCaughtUp"> & { readonly clocks: Clocks },
) {
  const aggregate = createAggregate();
  const openOrders = createSource === logSource ? new OpenOrders() : undefined;
  let recentOrder: string | null = null;
  const source = createSource({
    ...options,
    onFacts: (facts) => {
      options.clocks.note(facts, Date.now());
      for (const fact of facts) {
        add(aggregate, fact);
        openOrders?.add(fact);
      }
      recentOrder = facts.findLast(isOutcome)?.orderId ?? recentOrder;
    },
    // Partitions are read at their own pace: so far, late only means read later.
    onCaughtUp() {
      aggregate.lateEvents = 0;
      openOrders?.refine();
    },
  });
  return {
    recentOrder: () => recentOrder,
    aggregate,
    openOrders,
    source,
    startedAt: new Date().toISOString(),
    ended: new AbortController(),
  };
}

function isOutcome({ type }: Fact): boolean {
  return type === "OrderConfirmed" || type === "OrderCancelled";
}

interface SourceOptions {
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

interface Source {
  /** Reads until `signal` aborts, or, with `once`, until it has caught up. */
  run(signal: AbortSignal): Promise<void>;
  /** How the reading goes, without when it started. */
  reading(): Omit<Reading, "startedAt">;
  /** The next offset to read, by topic and partition, when no group keeps it. */
  readonly positions?: ReadonlyMap<Topic, ReadonlyMap<number, number>>;
}

function groupSource(options: SourceOptions): Source {
  const { access, clientId, names, once } = options;
  const consumer = createGroupConsumer({
    ...options,
    service: SERVICE,
    decode: decodeFact,
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

function logSource(options: SourceOptions): Source {
  const { names, once, log } = options;
  const events = new EventFollower({
    ...options,
    topics: topicsReadBy(SERVICE),
    decode: decodeFact,
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
