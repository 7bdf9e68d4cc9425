/** What can go wrong with the offsets that the groups have committed. */
import type { EventType, Processor, Topic } from "../../topology.ts";
import { type Case, drop, N } from "./case.ts";
import type { Fate } from "./orders.ts";
import { eventsOf, orderId, partitionOf, placeIn, type World } from "./world.ts";

/** What a service reads, an order of which it answered a message there, and its answer. */
const READINGS: readonly {
  readonly service: Processor;
  readonly topic: Topic;
  readonly fate: Fate;
  readonly asks: EventType;
  /** The last event of this type is the answer. */
  readonly answer: EventType;
}[] = [
  {
    service: "validator",
    topic: "orders.raw",
    fate: "rejected",
    asks: "OrderPlaced",
    answer: "OrderRejected",
  },
  {
    service: "inventory",
    topic: "orders.validated",
    fate: "out_of_stock",
    asks: "OrderValidated",
    answer: "InventoryRejected",
  },
  {
    service: "payment",
    topic: "orders.validated",
    fate: "card_declined",
    asks: "OrderValidated",
    answer: "PaymentFailed",
  },
  {
    service: "fulfillment",
    topic: "inventory.events",
    fate: "confirmed",
    asks: "InventoryUpdated",
    answer: "OrderConfirmed",
  },
  {
    service: "fulfillment",
    topic: "payment.events",
    fate: "out_of_stock",
    asks: "PaymentProcessed",
    answer: "OrderCancelled",
  },
  {
    service: "inventory",
    topic: "orders.outcomes",
    fate: "card_declined",
    asks: "OrderCancelled",
    answer: "InventoryUpdated",
  },
  {
    service: "payment",
    topic: "orders.outcomes",
    fate: "out_of_stock",
    asks: "OrderCancelled",
    answer: "PaymentRefunded",
  },
];

/** A service's dead letter: of the order of this fate, for a message of this topic. */
const LETTERS: readonly { service: Processor; topic: Topic; fate: Fate }[] = [
  { service: "validator", topic: "orders.raw", fate: "broken" },
  { service: "inventory", topic: "orders.validated", fate: "parked" },
  { service: "payment", topic: "orders.validated", fate: "broken_inside" },
  { service: "fulfillment", topic: "payment.events", fate: "half_replayed" },
  { service: "inventory", topic: "orders.outcomes", fate: "release_parked" },
];

/** What the last dead letter of a service about an order is about. */
function letterOf(world: World, service: Processor, fate: Fate) {
  const { headers } = world.records.findLast(({ topic, key, headers }) =>
    topic === `t.dlq.${service}` && "dlq-source-topic" in headers &&
    new TextDecoder().decode(key!) === orderId(N[fate])
  )!;
  return {
    place: placeIn(headers["dlq-source-topic"]!, Number(headers["dlq-source-partition"])),
    offset: Number(headers["dlq-source-offset"]),
  };
}

export const OFFSET_CASES: readonly Case[] = [
  ...READINGS.flatMap(({ service, topic, fate, asks, answer }): Case[] => {
    const who = orderId(N[fate]);
    const place = placeIn(`t.${topic}`, partitionOf(N[fate]));
    const message = (world: World) => eventsOf(world, N[fate], asks)[0]!;
    return [
      {
        name: `${service}: an offset of ${topic} left out of its transaction`,
        spoil: (world) => world.committed[service].set(place, message(world).offset),
        fails: ["behind"],
        who,
        says: new RegExp(`^${service} answered ${place}@\\d+, but has committed \\d+: `),
      },
      {
        name: `${service}: an offset of ${topic} committed, and the answer not published`,
        spoil: (world) => drop(world, eventsOf(world, N[fate], answer).at(-1)),
        fails: ["ahead"],
        who,
        says: new RegExp(
          `${service} has committed \\d+, past ${place}@\\d+, and did not answer it`,
        ),
      },
      {
        name: `${service}: an offset beyond the end of ${topic}`,
        spoil: (world) => world.committed[service].set(place, world.ends.get(place)! + 1),
        fails: ["ahead"],
        who: place,
        says: new RegExp(`^${service} has committed \\d+, but it ends at \\d+$`),
      },
      {
        name: `${service}: no offset of ${topic}`,
        spoil: (world) => world.committed[service].delete(place),
        fails: ["behind"],
        who: place,
        says: new RegExp(`^${service} has committed nothing, and will begin at its first message$`),
      },
    ];
  }),
  ...LETTERS.map(({ service, topic, fate }): Case => ({
    name: `${service}: the offset of a dead letter of ${topic} left out of its transaction`,
    spoil(world) {
      const { place, offset } = letterOf(world, service, fate);
      world.committed[service].set(place, offset);
    },
    fails: ["behind"],
    who: placeIn(`t.${topic}`, partitionOf(N[fate])),
    says: new RegExp(`^${service} has a dead letter for it, but has committed \\d+$`),
  })),
];
