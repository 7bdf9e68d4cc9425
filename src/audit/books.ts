/** All that the audit keeps while it reads: the orders, the sums, the dead letters, what is wrong. */
import type { DeadLetterCounts } from "../kafka/dead_letters.ts";
import { type Processor, PROCESSORS, type Topic, topicsReadBy } from "../topology.ts";
import { type Ask, Asked } from "./duties.ts";
import { Findings } from "./findings.ts";
import { Ledger, type Run } from "./ledger.ts";

/** Pieces of one product, by the events and by its row. */
export interface ProductBook {
  /** Sum of all changes; negative when more was reserved than released. */
  changed: number;
  row?: { readonly initial: number; readonly onHand: number };
}

/** Cents of one currency. Exact: the sums may be larger than a safe integer. */
export interface CurrencyBook {
  processed: bigint;
  refunded: bigint;
  confirmed: bigint;
  /** The gateway's. */
  charged: bigint;
  gaveBack: bigint;
}

export interface Books {
  readonly findings: Findings;
  readonly ledger: Ledger;
  readonly runs: readonly Run[];
  /** By order topic, then partition. */
  readonly logs: Map<Topic, Map<number, PartitionLog>>;
  /** Where the messages are that ask something of a service. */
  readonly asked: Asked;
  /** What the groups had committed before the first record was read, and after the last one. */
  readonly committed: { before: Committed; after: Committed };
  /** Messages read, by topic of the topology. */
  readonly messages: Map<string, number>;
  /** Those that are events of their topic, by type. */
  readonly events: Map<string, number>;
  /** Messages of orders.raw that are dead letters. */
  dead: number;
  /** Messages of the further topics that are no events. */
  unreadable: number;
  readonly products: Map<string, ProductBook>;
  readonly currencies: Map<string, CurrencyBook>;
  /** Rows read, by table. */
  readonly rows: Map<string, number>;

  /** By service, the messages that it has a dead letter for and that were not met yet. */
  readonly deadMessages: ReadonlyMap<Processor, Places>;
  /** Dead letters that have a resolution and were not met yet. */
  readonly judged: Places;
  /** Dead letters that were replayed and whose message was not met yet. */
  readonly replayed: Places;
  readonly discarded: Places;
  /** By service, then reason. */
  readonly deadLetters: ReadonlyMap<Processor, Map<string, DeadLetterCounts>>;
}

export function openBooks(runs: readonly Run[]): Books {
  return {
    findings: new Findings(),
    ledger: new Ledger(runs),
    runs,
    logs: new Map(),
    asked: new Asked(),
    committed: { before: new Committed(), after: new Committed() },
    messages: new Map(),
    events: new Map(),
    dead: 0,
    unreadable: 0,
    products: new Map(),
    currencies: new Map(),
    rows: new Map(),
    deadMessages: new Map(PROCESSORS.map((service) => [service, new Places()])),
    judged: new Places(),
    replayed: new Places(),
    discarded: new Places(),
    deadLetters: new Map(PROCESSORS.map((service) => [service, new Map()])),
  };
}

export function count(counts: Map<string, number>, name: string, by = 1): void {
  counts.set(name, (counts.get(name) ?? 0) + by);
}

/** The product's book, opened when it is new. */
export function productBook({ products }: Books, productId: string): ProductBook {
  let book = products.get(productId);
  if (!book) products.set(productId, book = { changed: 0 });
  return book;
}

/** The currency's book, opened when it is new. */
export function currencyBook({ currencies }: Books, currency: string): CurrencyBook {
  let book = currencies.get(currency);
  if (!book) {
    book = { processed: 0n, refunded: 0n, confirmed: 0n, charged: 0n, gaveBack: 0n };
    currencies.set(currency, book);
  }
  return book;
}

/**
 * The message of an order that asks for something: where it is, in which partition by name; undefined
 * where there is none.
 */
export function messageOf(
  { asked, ledger, logs }: Books,
  ask: Ask,
  slot: number,
): { partition: string; offset: number } | undefined {
  const offset = asked.offsetOf(ask, slot);
  if (offset === undefined) return undefined;
  const { first, name } = logs.get(ask.topic)!.get(ledger.partitionOf(slot))!;
  return { partition: name, offset: first + offset };
}

/** A set of places in the log: topic, partition, offset. */
export class Places {
  readonly #byTopic = new Map<string, Map<number, Set<number>>>();

  /** @returns false when it was there already */
  add(topic: string, partition: number, offset: number): boolean {
    let partitions = this.#byTopic.get(topic);
    if (!partitions) this.#byTopic.set(topic, partitions = new Map());
    let offsets = partitions.get(partition);
    if (!offsets) partitions.set(partition, offsets = new Set());
    return offsets.size < offsets.add(offset).size;
  }

  has(topic: string, partition: number, offset: number): boolean {
    return this.#byTopic.get(topic)?.get(partition)?.has(offset) ?? false;
  }

  /** @returns whether it was there; it no longer is */
  take(topic: string, partition: number, offset: number): boolean {
    return this.#byTopic.get(topic)?.get(partition)?.delete(offset) ?? false;
  }

  /** `topic partition@offset` of each. */
  *[Symbol.iterator](): Iterator<string> {
    for (const [topic, partitions] of this.#byTopic) {
      for (const [partition, offsets] of partitions) {
        for (const offset of offsets) yield `${topic} ${partition}@${offset}`;
      }
    }
  }
}

// Where the order topics begin and end, and how far the groups have come in them.

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
