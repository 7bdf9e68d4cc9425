/**
 * What is remembered of all consumer groups from sample to sample, and how they are shown: members and
 * what each owns, rebalances, stalls, waiting times and rates. Pure but for its memory, which is bounded.
 */
import type { GroupState } from "../../../kafka/offsets/group_lag.ts";
import type { Service, Topic } from "../../../topology.ts";
import { OffsetRates } from "../rates.ts";
import type {
  GroupView,
  MemberView,
  PartitionView,
  RebalanceView,
  TopicView,
} from "../web/live.ts";
import {
  EndHistory,
  type Lag,
  longestAround,
  observeStall,
  type StallMemory,
  worst,
} from "./lag.ts";
import { LagTrends } from "../trends/lag_trends.ts";
import { DrainTime } from "./drain.ts";
import { type GroupMemory, observeGroup, type Rebalance } from "./rebalances.ts";

const KEPT_REBALANCES = 40;
/** How long after a rebalance a stall that it began is still counted to it. */
const AFTERMATH_MS = 120_000;

export interface GroupHistoryOptions {
  /** Messages between a committed offset and the end of the log. */
  readonly lagMessages: (
    topic: Topic,
    partition: number,
    committed: number,
    end: number,
  ) => number;
  /** The share of a topic's offsets that are events, and not control records. */
  readonly eventShare: (topic: Topic) => number;
}

export class GroupHistory {
  readonly #groups = new Map<Service, GroupMemory>();
  readonly #stalls = new Map<string, StallMemory>();
  readonly #ends = new EndHistory();
  readonly #rates = new OffsetRates();
  readonly #drains = new Map<Service, DrainTime>();
  readonly trends = new LagTrends();
  #rebalances: readonly RebalanceView[] = [];

  constructor(private readonly options: GroupHistoryOptions) {}

  /** The oldest first. */
  get rebalances(): readonly RebalanceView[] {
    return this.#rebalances;
  }

  /** How fast a topic grows, offsets a second; null before it is known. */
  growth(topic: Topic): number | null {
    return this.#rates.growthPerSecond(topic);
  }

  /** Takes one sample of all groups; returns how they are to be shown. */
  observe(states: readonly GroupState[], atMs: number): GroupView[] {
    for (const { positions } of states) {
      for (const { topic, partition, end } of positions) {
        this.#ends.note(`${topic}/${partition}`, atMs, end);
      }
    }
    this.#rates.sample(atMs, states);
    const views = states.map((state) => {
      const view = this.#view(state, atMs);
      const memory = observeGroup(this.#groups.get(state.service), state, atMs);
      this.#groups.set(state.service, memory);
      if (memory.rebalance) this.#keep(memory.rebalance, atMs);
      return view;
    });
    this.trends.sample(atMs, views);
    return views;
  }

  /** Adds a rebalance, or what is new of it. */
  #keep(rebalance: Rebalance, atMs: number): void {
    const { service, number, startedAtMs, durationMs } = rebalance;
    const endMs = startedAtMs + durationMs;
    const index = this.#rebalances.findIndex((r) => r.service === service && r.number === number);
    let longestStall = this.#rebalances[index]?.longestStall ?? null;
    if (atMs < endMs + AFTERMATH_MS) {
      const own = [...this.#stalls].filter(([place]) => place.startsWith(`${service} `));
      longestStall = longestAround(longestStall, own.map(([, memory]) => memory), endMs);
    }
    const known = { ...rebalance, longestStall };
    this.#rebalances = index >= 0
      ? this.#rebalances.with(index, known)
      : [...this.#rebalances, known].slice(-KEPT_REBALANCES);
  }

  #view(state: GroupState, atMs: number): GroupView {
    const owners = new Map<string, number>(
      state.memberList.flatMap(({ owned }, index) =>
        owned.map(({ topic, partition }) => [`${topic}/${partition}`, index] as const)
      ),
    );
    const topics = state.topics.map(({ topic }) => this.#topicView(state, topic, owners, atMs));
    const lag = worst(topics.map(({ lag }) => lag));
    let drain = this.#drains.get(state.service);
    if (!drain) this.#drains.set(state.service, drain = new DrainTime());
    return {
      service: state.service,
      group: state.group,
      state: state.state,
      members: this.#memberViews(state, atMs),
      topics,
      lag,
      drain: drain.observe(atMs, lag),
    };
  }

  #topicView(
    { service, positions }: GroupState,
    topic: Topic,
    owners: ReadonlyMap<string, number>,
    atMs: number,
  ): TopicView {
    const lags: Lag[] = [];
    const partitions: PartitionView[] = [];
    for (const { topic: other, partition, committed, end } of positions) {
      if (other !== topic) continue;
      const place = `${topic}/${partition}`;
      const lagMessages = this.options.lagMessages(topic, partition, committed, end);
      const before = this.#stalls.get(`${service} ${place}`);
      const stall = observeStall(before, { committed, lagMessages }, atMs);
      this.#stalls.set(`${service} ${place}`, stall);
      const lag = this.#ends.lag(place, atMs, committed, lagMessages);
      lags.push(lag);
      partitions.push({
        partition,
        owner: owners.get(place) ?? null,
        committed,
        end,
        lagMessages: lag.messages,
        lagMs: lag.ms,
        stalledMs: stall.stalledMs,
        longestStallMs: stall.longestStallMs,
        longestStallSinceMs: stall.longestStallSinceMs,
      });
    }
    const read = this.#rates.readPerSecond(service, topic);
    return {
      topic,
      perSecond: read === null ? null : read * this.options.eventShare(topic),
      lag: worst(lags),
      partitions,
    };
  }

  #memberViews({ service, memberList }: GroupState, atMs: number): MemberView[] {
    const known = this.#groups.get(service)?.sinceMs;
    return memberList.map(({ memberId, clientId, host, subscription = [], isForeign }) => {
      // A member that no earlier sample had is new; at the first sample nothing is known.
      const sinceMs = known === undefined ? null : known.get(memberId);
      return {
        memberId,
        clientId,
        host,
        sinceMs: sinceMs === undefined ? atMs : sinceMs,
        foreignReads: isForeign ? subscription : null,
      };
    });
  }
}
