/**
 * The one table of topics, events, writers and readers (`FLOW`). Topic creation, the services' wiring, the
 * audit and the documentation are derived from it or tested against it.
 *
 * All order topics have the same partition count and the same key (the orderId), so that one order
 * lives in one partition number everywhere: its events are in order, and a transaction touches one
 * partition of each output topic.
 */

interface Flow {
  /** The `type`s of the events that may be in the topic, and the service that writes each. */
  readonly events: Readonly<Record<string, string>>;
  /** The services whose consumer group (named like the service) reads it. */
  readonly readers: readonly string[];
}

/** In the order in which an order flows through them. */
const FLOW = {
  "orders.raw": {
    events: { OrderPlaced: "simulator" },
    readers: ["validator"],
  },
  "orders.validated": {
    events: { OrderValidated: "validator" },
    readers: ["inventory", "payment", "analytics"],
  },
  "inventory.events": {
    events: { InventoryUpdated: "inventory", InventoryRejected: "inventory" },
    readers: ["fulfillment", "analytics"],
  },
  "payment.events": {
    events: { PaymentProcessed: "payment", PaymentFailed: "payment", PaymentRefunded: "payment" },
    readers: ["fulfillment", "analytics"],
  },
  "orders.outcomes": {
    events: {
      OrderConfirmed: "fulfillment",
      OrderCancelled: "fulfillment",
      OrderRejected: "validator",
    },
    readers: ["inventory", "payment", "analytics"],
  },
} as const satisfies Record<string, Flow>;

export type Topic = keyof typeof FLOW;

/** The types of the events that may be on a topic. */
type EventOn<T extends Topic> = keyof typeof FLOW[T]["events"] & string;
export type EventType = { [T in Topic]: EventOn<T> }[Topic];

type WriterOf<T extends Topic> = typeof FLOW[T]["events"][keyof typeof FLOW[T]["events"]];
type ReaderOf<T extends Topic> = typeof FLOW[T]["readers"][number];
type Writer = { [T in Topic]: WriterOf<T> }[Topic];
type Reader = { [T in Topic]: ReaderOf<T> }[Topic];

/** Everything that runs as a process of its own and reads or writes an order topic. */
export type Service = Writer | Reader;

/** A service that consumes, transforms and produces; it has a dead-letter topic. */
export type Processor = Extract<Reader, Writer>;

/** The topics that a service reads. */
export type TopicReadBy<S extends Service> = {
  [T in Topic]: S extends ReaderOf<T> ? T : never;
}[Topic];

/** The types of the events that a service writes. */
export type EventTypeOf<S extends Service> = {
  [T in Topic]: {
    [E in EventOn<T>]: typeof FLOW[T]["events"] extends Record<E, S> ? E : never;
  }[EventOn<T>];
}[Topic];

/** Partitions of every order topic of an empty cluster (default of `PARTITIONS`). */
export const DEFAULT_PARTITIONS = 12;

/** A topic's events, and the services that write and read it. */
export const TOPICS = Object.fromEntries(
  Object.entries(FLOW).map(([topic, { events, readers }]) => [topic, {
    events: Object.keys(events),
    writers: [...new Set(Object.values(events))],
    readers,
  }]),
) as unknown as {
  readonly [T in Topic]: {
    readonly events: readonly EventOn<T>[];
    readonly writers: readonly WriterOf<T>[];
    readonly readers: typeof FLOW[T]["readers"];
  };
};

/** The order topics, in the order of the flow. */
export const TOPIC_NAMES = Object.keys(TOPICS) as Topic[];

/** With an event on it an order has ended: nobody waits for what a service does about it. */
export const LAST_TOPIC = TOPIC_NAMES.at(-1)!;

/** In the order in which an order reaches them. */
export const PROCESSORS = [
  ...new Set(TOPIC_NAMES.flatMap((topic): readonly Service[] => TOPICS[topic].writers)),
].filter((service) => topicsReadBy(service).length > 0) as readonly Service[] as readonly [
  Processor,
  ...Processor[],
];

/** All services that have a consumer group: the processors, then those that only read. */
export const CONSUMERS: readonly Service[] = [
  ...new Set<Service>([...PROCESSORS, ...TOPIC_NAMES.flatMap((topic) => TOPICS[topic].readers)]),
];

const topicByEvent = new Map<string, Topic>(
  TOPIC_NAMES.flatMap((topic) => TOPICS[topic].events.map((event) => [event, topic] as const)),
);

const writerByEvent = new Map<string, Service>(
  Object.values(FLOW).flatMap(({ events }) => Object.entries(events)),
);

/** The service that writes an event: every event type has exactly one. */
export function writerOf(event: EventType): Service {
  const writer = writerByEvent.get(event);
  if (writer === undefined) throw new TypeError(`no service writes the event "${event}"`);
  return writer;
}

/** The topic that an event belongs to: every event type has exactly one. */
export function topicOf(event: EventType): Topic {
  const topic = topicByEvent.get(event);
  if (topic === undefined) throw new TypeError(`no topic carries the event "${event}"`);
  return topic;
}

/** The order topics that a service's consumer group reads. */
export function topicsReadBy(service: Service): Topic[] {
  return TOPIC_NAMES.filter((topic) =>
    (TOPICS[topic].readers as readonly string[]).includes(service)
  );
}

/** The order topics that a service publishes to. */
export function topicsWrittenBy(service: Service): Topic[] {
  return TOPIC_NAMES.filter((topic) =>
    (TOPICS[topic].writers as readonly string[]).includes(service)
  );
}

/** The topic of what a service could not process: `dlq.<service>`. */
export type DeadLetterTopic = `dlq.${Processor}`;

export function deadLetterTopicOf(processor: Processor): DeadLetterTopic {
  return `dlq.${processor}`;
}

/**
 * Where each audit publishes its report, for whoever shows it: one partition, in which the newest stays. No
 * service reads it, and the audit itself does not.
 */
export const AUDIT_REPORTS = "audit.reports";

/**
 * The names as Kafka knows them. A prefix (`TOPIC_PREFIX`) keeps several orderflows apart on one
 * cluster; every test file uses one of its own. Without one, the names are those of the table.
 */
export class Names {
  constructor(readonly prefix: string = "") {}

  /** A topic's name on the cluster. */
  topic(topic: Topic | DeadLetterTopic | typeof AUDIT_REPORTS): string {
    return this.prefix + topic;
  }

  /** A service's consumer group. */
  group(service: Service): string {
    return this.prefix + service;
  }

  /** Of the one producer of a member: the next owner of its partitions reads it in their positions. */
  memberTransactionalId(service: Service): string {
    return `${this.prefix}${service}-${crypto.randomUUID()}`;
  }

  /**
   * Before version 0.2 a producer had one input partition, and this transactional.id. Whoever is assigned a
   * partition that such a member had takes it.
   */
  transactionalId(service: Service, topic: Topic, partition: number): string {
    return `${this.prefix}${service}-${topic}-${partition}`;
  }
}
