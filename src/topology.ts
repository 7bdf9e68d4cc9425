/**
 * The one table of topics, events, writers and readers. Topic creation, the services' wiring, the
 * audit and the documentation are derived from it or tested against it.
 *
 * All order topics have the same partition count and the same key (the orderId), so that one order
 * lives in one partition number everywhere: its events are in order, and a transaction touches one
 * partition of each output topic.
 */

/** Everything that runs as a process of its own and reads or writes an order topic. */
export type Service =
  | "simulator"
  | "validator"
  | "inventory"
  | "payment"
  | "fulfillment"
  | "analytics";

/** The services that consume, transform and produce; each has a dead-letter topic. */
export const PROCESSORS = ["validator", "inventory", "payment", "fulfillment"] as const;
export type Processor = typeof PROCESSORS[number];

/** Partitions of every order topic of an empty cluster, unless `PARTITIONS` says otherwise. */
export const DEFAULT_PARTITIONS = 12;

interface TopicSpec {
  /** The `type`s of the events that may be in it. */
  readonly events: readonly string[];
  readonly writers: readonly Service[];
  /** The services whose consumer group (named like the service) reads it. */
  readonly readers: readonly Service[];
}

/** In the order in which an order flows through them. */
export const TOPICS = {
  "orders.raw": {
    events: ["OrderPlaced"],
    writers: ["simulator"],
    readers: ["validator"],
  },
  "orders.validated": {
    events: ["OrderValidated"],
    writers: ["validator"],
    readers: ["inventory", "payment", "analytics"],
  },
  "inventory.events": {
    events: ["InventoryUpdated", "InventoryRejected"],
    writers: ["inventory"],
    readers: ["fulfillment", "analytics"],
  },
  "payment.events": {
    events: ["PaymentProcessed", "PaymentFailed", "PaymentRefunded"],
    writers: ["payment"],
    readers: ["fulfillment", "analytics"],
  },
  "orders.outcomes": {
    events: ["OrderConfirmed", "OrderCancelled", "OrderRejected"],
    writers: ["fulfillment", "validator"],
    readers: ["inventory", "payment", "analytics"],
  },
} as const satisfies Record<string, TopicSpec>;

export type Topic = keyof typeof TOPICS;
export type EventType = typeof TOPICS[Topic]["events"][number];

/** The order topics, in the order of the flow. */
export const TOPIC_NAMES = Object.keys(TOPICS) as Topic[];

const topicByEvent = new Map<string, Topic>(
  TOPIC_NAMES.flatMap((topic) => TOPICS[topic].events.map((event) => [event, topic] as const)),
);

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
 * The names as Kafka knows them. A prefix (`TOPIC_PREFIX`) keeps several orderflows apart on one
 * cluster; every test file uses one of its own. Without one, the names are those of the table.
 */
export class Names {
  constructor(readonly prefix: string = "") {}

  /** A topic's name on the cluster. */
  topic(topic: Topic | DeadLetterTopic): string {
    return this.prefix + topic;
  }

  /** A service's consumer group. */
  group(service: Service): string {
    return this.prefix + service;
  }

  /**
   * One transactional.id per (group, input topic, input partition): whoever is assigned the
   * partition next fences its predecessor by taking the same id.
   */
  transactionalId(service: Service, topic: Topic, partition: number): string {
    return `${this.prefix}${service}-${topic}-${partition}`;
  }
}
