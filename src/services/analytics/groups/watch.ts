/**
 * Looks at all consumer groups twice a second, by Kafka's own answers (describeGroups, committed
 * offsets, ends of the logs), so that it is true for whatever runs in them; and remembers what a single
 * look does not tell: rebalances, pauses, waiting times, rates. Bounded, and outside of the groups.
 */
import type { Logger } from "../../../runtime/log.ts";
import { pause } from "../../../runtime/shutdown.ts";
import type { KafkaAccess } from "../../../kafka/access.ts";
import { createClient } from "../../../kafka/client/client.ts";
import { isKafkaError } from "../../../kafka/client/errors.ts";
import { explain } from "../../../kafka/client/errors.ts";
import { createGroupLagReader, type GroupState } from "../../../kafka/offsets/group_lag.ts";
import { createUnread } from "../../../kafka/readers/backlog.ts";
import type { Names, Service, Topic } from "../../../topology.ts";
import type { GroupView, RebalanceView, TopicView } from "../web/live.ts";
import { EndHistory, Rates, worst } from "./lag.ts";
import { longestAround, observePause, type PauseMemory } from "./stalls.ts";
import { type GroupMemory, observeGroup, type Rebalance } from "./rebalances.ts";

const EVERY_MS = 500;
const KEPT_REBALANCES = 40;
/** A look at what lies behind the committed offsets may wait so long for an open transaction. */
const UNREAD_LIMIT_MS = 3_000;
/** Looks in a row that may fail before it is told: a leader moves in less. */
const QUIET_FAILURES = 6;
/** How long after a rebalance a pause that it began is still counted to it. */
const AFTERMATH_MS = 120_000;

export interface GroupWatch {
  /** What Kafka said last; null before it did, and while it does not. */
  readonly latest: readonly GroupState[] | null;
  readonly groups: readonly GroupView[] | null;
  /** The oldest first. */
  readonly rebalances: readonly RebalanceView[];
  /** How fast the topics grow, offsets a second; null before there are two moments to compare. */
  growth(topic: Topic): number | null;
  /** Asks once. */
  ask(): Promise<void>;
  /** Asks until `signal` aborts. */
  run(signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

export interface GroupWatchOptions {
  readonly access: KafkaAccess;
  readonly clientId: string;
  readonly names: Names;
  readonly log: Pick<Logger, "info" | "warn">;
  /** How a group that is not one is to be seen: who reads the log itself. */
  readonly instead: (group: GroupState) => GroupState;
  /** The share of a topic's offsets that are events, and not control records. */
  readonly eventShare: (topic: Topic) => number;
}

export function createGroupWatch(options: GroupWatchOptions): GroupWatch {
  const { names, instead } = options;
  const kafka = createClient(options.access, options.clientId);
  const reader = createGroupLagReader(kafka, names);
  const unread = createUnread(kafka);
  const memories = new Map<Service, GroupMemory>();
  const pauses = new Map<string, PauseMemory>();
  const history = new EndHistory();
  const rates = new Rates();
  let rebalances: RebalanceView[] = [];
  let latest: readonly GroupState[] | null = null;
  let groups: readonly GroupView[] | null = null;
  let failures = 0;

  function observe(states: readonly GroupState[]): void {
    const atMs = Date.now();
    for (const { positions } of states) {
      for (const { topic, partition, end } of positions) {
        history.note(`${topic}/${partition}`, atMs, end);
      }
    }
    rates.note(atMs, states);
    groups = states.map((state) => view(state, atMs));
    for (const state of states) {
      const memory = observeGroup(memories.get(state.service), state, atMs);
      memories.set(state.service, memory);
      if (memory.rebalance) keep(memory.rebalance, atMs);
    }
    latest = states;
  }

  /** Adds a rebalance, or what is new of it. */
  function keep(rebalance: Rebalance, atMs: number): void {
    const { service, number, startedAtMs, durationMs } = rebalance;
    const endMs = startedAtMs + durationMs;
    const index = rebalances.findIndex((r) => r.service === service && r.number === number);
    let longestPause = rebalances[index]?.longestPause ?? null;
    if (atMs < endMs + AFTERMATH_MS) {
      const own = [...pauses].filter(([place]) => place.startsWith(`${service} `));
      longestPause = longestAround(longestPause, own.map(([, memory]) => memory), endMs);
    }
    const known = { ...rebalance, longestPause };
    if (index >= 0) rebalances = rebalances.with(index, known);
    else rebalances = [...rebalances, known].slice(-KEPT_REBALANCES);
  }

  function view(state: GroupState, atMs: number): GroupView {
    const { service, group, memberList } = state;
    const sinceMs = memories.get(service)?.sinceMs;
    const owners = new Map<string, number>(
      memberList.flatMap(({ owned }, index) =>
        owned.map(({ topic, partition }) => [`${topic}/${partition}`, index] as const)
      ),
    );
    const topics = state.topics.map(({ topic }): TopicView => {
      const partitions = state.positions.filter((position) => position.topic === topic)
        .map(({ partition, committed, end }) => {
          const place = `${topic}/${partition}`;
          const lagMessages = unread.messages(names.topic(topic), partition, committed, end);
          const memory = observePause(
            pauses.get(`${service} ${place}`),
            { committed, lagMessages },
            atMs,
          );
          pauses.set(`${service} ${place}`, memory);
          return {
            partition,
            owner: owners.get(place) ?? null,
            lag: history.lag(place, atMs, committed, lagMessages),
            pausedMs: memory.pausedMs,
            longestPauseMs: memory.longestPauseMs,
          };
        });
      const read = rates.readPerSecond(service, topic);
      return {
        topic,
        perSecond: read === null ? null : read * options.eventShare(topic),
        lag: worst(partitions.map(({ lag }) => lag)),
        partitions: partitions.map(({ lag, ...rest }) => ({ ...rest, lagMessages: lag.messages })),
      };
    });
    return {
      service,
      group,
      state: state.state,
      members: memberList.map(({ memberId, clientId, host, subscription = [], isForeign }) => ({
        memberId,
        clientId,
        host,
        // The first time that it is seen is now.
        sinceMs: sinceMs === undefined
          ? null
          : sinceMs.get(memberId) === undefined
          ? atMs
          : sinceMs.get(memberId)!,
        foreignReads: isForeign ? subscription : null,
      })),
      topics,
      lag: worst(topics.map(({ lag }) => lag)),
    };
  }

  async function ask(): Promise<void> {
    try {
      observe((await reader.read()).map(instead));
      if (failures > QUIET_FAILURES) options.log.info("the groups are seen again");
      failures = 0;
    } catch (error) {
      if (!isKafkaError(error)) throw error;
      latest = groups = null;
      // The events may be read all the same: another right, another broker.
      if (++failures === QUIET_FAILURES + 1) {
        options.log.warn(`how far the groups are is not known: ${explain(error)}`);
      }
    }
  }

  /** What lies behind the committed offsets is looked at beside, because it may have to wait. */
  async function lookBehind(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await unread.refresh(AbortSignal.any([signal, AbortSignal.timeout(UNREAD_LIMIT_MS)]));
      } catch (error) {
        if (!isKafkaError(error)) throw error;
        await unread.close();
      }
      await pause(2 * EVERY_MS, signal);
    }
  }

  return {
    get latest() {
      return latest;
    },
    get groups() {
      return groups;
    },
    get rebalances() {
      return rebalances;
    },
    growth: (topic) => rates.growthPerSecond(topic),
    ask,
    async run(signal) {
      const looking = lookBehind(signal);
      while (!signal.aborted) {
        await ask();
        await pause(EVERY_MS, signal);
      }
      await looking;
    },
    close: async () => void await Promise.all([reader.close(), unread.close()]),
  };
}
