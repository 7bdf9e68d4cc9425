/**
 * What the messages of a topic ask of each service that reads it, and what answers them.
 *
 * A message is answered by an event of its duty, or by a dead letter. Much of what a service reads asks
 * nothing of it: an order that was confirmed, a replay for another service, one half of a join as long
 * as the other is not there.
 */
import type { OrderEvent } from "../events/schemas.ts";
import {
  type EventType,
  type Processor,
  PROCESSORS,
  type Topic,
  TOPIC_NAMES,
  TOPICS,
  topicsReadBy,
  topicsWrittenBy,
  writerOf,
} from "../topology.ts";

/** An event's type; InventoryUpdated is two kinds, by its action. */
export type Kind =
  | Exclude<EventType, "InventoryUpdated">
  | "InventoryReserved"
  | "InventoryReleased";

const ACTIONS = { reserved: "InventoryReserved", released: "InventoryReleased" } as const;

export function kindOf(event: OrderEvent): Kind {
  return event.type === "InventoryUpdated" ? ACTIONS[event.action] : event.type;
}

/** The kinds of the events that may be on a topic. */
export function kindsOn(topic: Topic): Kind[] {
  return TOPICS[topic].events.flatMap((type): Kind[] =>
    type === "InventoryUpdated" ? Object.values(ACTIONS) : [type]
  );
}

/** All kinds, in the order of the flow. */
export const KINDS: readonly Kind[] = TOPIC_NAMES.flatMap(kindsOn);

/** Of which every order has one. */
export const OUTCOMES: readonly Kind[] = ["OrderConfirmed", "OrderCancelled", "OrderRejected"];

/** What stands for a kind in table `event_row`. */
export function kindId(kind: Kind): number {
  return KINDS.indexOf(kind) + 1;
}

/** The messages that ask for something. */
export interface Ask {
  readonly topic: Topic;
  readonly kinds: readonly Kind[];
}

/** What a service owes to an order once it has read all of `asks`. */
export interface Duty {
  readonly service: Processor;
  readonly asks: readonly Ask[];
  /** Owed only to an order with this event: what was not taken is not given back. */
  readonly taken?: Kind;
  /** Any of these. */
  readonly answers: readonly Kind[];
}

/** What the topology does not say: which event answers which, and when none is owed. */
const DECLARED: readonly Duty[] = [
  {
    service: "inventory",
    asks: [{ topic: "orders.validated", kinds: ["OrderValidated"] }],
    answers: ["InventoryReserved", "InventoryRejected"],
  },
  {
    service: "payment",
    asks: [{ topic: "orders.validated", kinds: ["OrderValidated"] }],
    answers: ["PaymentProcessed", "PaymentFailed"],
  },
  {
    service: "fulfillment",
    asks: [
      { topic: "inventory.events", kinds: ["InventoryReserved", "InventoryRejected"] },
      { topic: "payment.events", kinds: ["PaymentProcessed", "PaymentFailed"] },
    ],
    answers: ["OrderConfirmed", "OrderCancelled"],
  },
  {
    service: "inventory",
    asks: [{ topic: "orders.outcomes", kinds: ["OrderCancelled"] }],
    taken: "InventoryReserved",
    answers: ["InventoryReleased"],
  },
  {
    service: "payment",
    asks: [{ topic: "orders.outcomes", kinds: ["OrderCancelled"] }],
    taken: "PaymentProcessed",
    answers: ["PaymentRefunded"],
  },
];

/**
 * Of a service for which nothing else is declared: every message of the topic is answered, by an event
 * of any kind that the service writes.
 */
function defaultDuty(service: Processor, topic: Topic): Duty {
  const answers = topicsWrittenBy(service).flatMap(kindsOn)
    .filter((kind) => writerOf(typeOf(kind)) === service);
  return { service, asks: [{ topic, kinds: kindsOn(topic) }], answers };
}

export function typeOf(kind: Kind): EventType {
  return kind === "InventoryReserved" || kind === "InventoryReleased" ? "InventoryUpdated" : kind;
}

function asksAbout(topic: Topic): (ask: Ask) => boolean {
  return (ask) => ask.topic === topic;
}

/** In the order of the flow. Every service has one for every topic that it reads. */
export const DUTIES: readonly Duty[] = [
  ...PROCESSORS.flatMap((service) =>
    topicsReadBy(service)
      .filter((topic) =>
        !DECLARED.some((duty) => duty.service === service && duty.asks.some(asksAbout(topic)))
      )
      .map((topic) => defaultDuty(service, topic))
  ),
  ...DECLARED,
];

/** What a message of a topic may ask of a service that reads it. */
export function dutyOf(service: Processor, topic: Topic): Duty {
  const duty = DUTIES.find((duty) => duty.service === service && duty.asks.some(asksAbout(topic)));
  if (!duty) throw new TypeError(`${service} does not read ${topic}`);
  return duty;
}

/**
 * Which missing events a dead letter of a service explains: the answers to its message, and all that
 * they would have led to. Nothing else.
 */
export function explainedBy(service: Processor, topic: Topic): Set<Kind> {
  const missing = new Set<Kind>(dutyOf(service, topic).answers);
  let size = 0;
  while (size < missing.size) {
    size = missing.size;
    for (const duty of DUTIES) {
      const waits = duty.asks.some((ask) => ask.kinds.some((kind) => missing.has(kind)));
      if (waits) { for (const kind of duty.answers) missing.add(kind); }
    }
  }
  return missing;
}

/** A service and a topic that it reads. */
export interface Reading {
  readonly service: Processor;
  readonly topic: Topic;
}

export const READINGS: readonly Reading[] = PROCESSORS.flatMap((service) =>
  topicsReadBy(service).map((topic) => ({ service, topic }))
);
