/**
 * How fast messages flow, as means over the last few seconds: what each service writes, by events that
 * were counted, and what each group reads, by offsets. Offsets alone would count the control records of
 * transactions, too, which at low rates are half of all. Pure.
 */
import type { GroupPosition } from "../../kafka/offsets/group_lag.ts";
import { type EventType, type Service, type Topic, TOPICS, writerOf } from "../../topology.ts";
import type { Projection } from "./projection.ts";

const OVER_MS = 5_000;

interface Sample {
  readonly atMs: number;
  readonly counts: ReadonlyMap<string, number>;
}

/** Counts at some moments of the last seconds. */
class Samples {
  readonly #samples: Sample[] = [];

  add(atMs: number, counts: ReadonlyMap<string, number>): void {
    this.#samples.push({ atMs, counts });
    while (this.#samples.length > 2 && this.#samples[1]!.atMs <= atMs - OVER_MS) {
      this.#samples.shift();
    }
  }

  clear(): void {
    this.#samples.length = 0;
  }

  get last(): Sample | undefined {
    return this.#samples.at(-1);
  }

  /** Null before there are two samples to compare. */
  perSecond(name: string): number | null {
    const [first, last] = [this.#samples[0], this.last];
    if (!first || !last || first === last) return null;
    const counted = (last.counts.get(name) ?? 0) - (first.counts.get(name) ?? 0);
    return Math.max(0, counted) * 1_000 / (last.atMs - first.atMs);
  }
}

/** The topics, and the writer of each event. */
interface Topology {
  readonly topics: Readonly<
    Record<string, { readonly events: readonly string[]; readonly writers: readonly string[] }>
  >;
  readonly writerOf: (event: EventType) => string;
}

/** Events a second that each service writes, by those that analytics has counted. */
export class EventRates {
  readonly #samples = new Samples();

  /** @param topology for tests: another one */
  constructor(private readonly topology: Topology = { topics: TOPICS, writerOf }) {}

  /** Takes a sample; while old events are read, nothing is known of the present. */
  sample(atMs: number, { aggregate, reading }: Pick<Projection, "aggregate" | "reading">): void {
    if (reading().progress !== null) this.#samples.clear();
    else this.#samples.add(atMs, new Map(aggregate.events));
  }

  /** How much each service writes to a topic that analytics reads; null before it is known. */
  written(topic: string): { by: Service; perSecond: number | null }[] {
    const { topics, writerOf } = this.topology;
    const { events, writers } = topics[topic]!;
    return writers.map((by) => ({
      by: by as Service,
      perSecond: events.filter((event) => writerOf(event as EventType) === by)
        .map((event) => this.#samples.perSecond(event))
        .reduce((sum, rate) => sum === null || rate === null ? null : sum + rate, 0),
    }));
  }
}

/** Offsets a second by which topics grow and groups advance. */
export class OffsetRates {
  readonly #samples = new Samples();

  sample(
    atMs: number,
    groups: readonly {
      readonly service: Service;
      readonly positions: readonly Pick<
        GroupPosition,
        "topic" | "partition" | "committed" | "end"
      >[];
    }[],
  ): void {
    const sums = new Map<string, number>();
    const add = (name: string, offset: number) => sums.set(name, (sums.get(name) ?? 0) + offset);
    const counted = new Map<Topic, Service>();
    for (const { service, positions } of groups) {
      for (const { topic, committed, end } of positions) {
        add(`${service} ${topic}`, committed);
        // Each group that reads a topic reports its end: count it once.
        if (!counted.has(topic)) counted.set(topic, service);
        if (counted.get(topic) === service) add(topic, end);
      }
    }
    this.#samples.add(atMs, sums);
  }

  /** Null before there are two samples, and for a topic that no group reads. */
  growthPerSecond(topic: Topic): number | null {
    return this.#samples.last?.counts.has(topic) ? this.#samples.perSecond(topic) : null;
  }

  /** Null before there are two samples. */
  readPerSecond(service: Service, topic: Topic): number | null {
    return this.#samples.perSecond(`${service} ${topic}`);
  }
}
