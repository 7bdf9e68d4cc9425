/** Where the order topics begin and end, and how far the groups have come in them. */
import { type Processor, PROCESSORS, type Topic, topicsReadBy } from "../../../topology.ts";

/** One partition of an order topic. */
export interface PartitionLog {
  /** `topic partition`, the topic's name on the cluster. */
  readonly name: string;
  /** The offset of the first record that is still there. */
  readonly first: number;
  /** The offset after the last record. */
  readonly end: number;
  /** How many messages were read. */
  messages: number;
  /** By service, the highest offset of a message that it has a dead letter for. */
  readonly lettered: Map<Processor, number>;
}

/**
 * @param name the topic's on the cluster
 * @param ends by partition
 */
export function openLogs(
  name: string,
  ends: ReadonlyMap<number, { first: number; end: number }>,
): Map<number, PartitionLog> {
  return new Map(
    [...ends].map(([partition, { first, end }]) => [
      partition,
      { name: `${name} ${partition}`, first, end, messages: 0, lettered: new Map() },
    ]),
  );
}

/** A service and a topic that it reads. */
export interface Reading {
  readonly service: Processor;
  readonly topic: Topic;
}

export const READINGS: readonly Reading[] = PROCESSORS.flatMap((service) =>
  topicsReadBy(service).map((topic) => ({ service, topic }))
);

/** The offsets that the groups of the services had committed at one time. */
export class Committed {
  readonly #offsets = new Map<Processor, Map<Topic, ReadonlyMap<number, number>>>(
    PROCESSORS.map((service) => [service, new Map()]),
  );

  /** @param offsets by partition */
  set({ service, topic }: Reading, offsets: ReadonlyMap<number, number>): void {
    this.#offsets.get(service)!.set(topic, offsets);
  }

  /** The next offset that the service would read; undefined where its group has committed none. */
  get(service: Processor, topic: Topic, partition: number): number | undefined {
    return this.#offsets.get(service)!.get(topic)?.get(partition);
  }

  /** How many offsets there are. */
  get size(): number {
    return READINGS.reduce(
      (sum, { service, topic }) => sum + (this.#offsets.get(service)!.get(topic)?.size ?? 0),
      0,
    );
  }
}
