/** What can go wrong with the offsets that the groups have committed. */
import type { EventType, Processor, Topic } from "../../topology.ts";
import { type Kind, typeOf } from "../duties.ts";
import { type Case, drop, N } from "./case.ts";
import { OTHER_DUTIES } from "./other_services.ts";
import { createFixture, type Scenario, SCENARIOS } from "./scenarios.ts";
import { eventsOf, type Fixture, orderId, partitionOf, placeIn } from "./fixture.ts";

/** What a service reads, an order of which it answered a message there, and its answer. */
interface AnsweredReading {
  readonly service: Processor;
  readonly topic: Topic;
  readonly scenario: Scenario;
  readonly asks: EventType;
  /** The last event of this type is the answer. */
  readonly answer: EventType;
}

/** Of services that the steps do not know: the first order that has their answer to one message. */
function readingsOfOthers(): AnsweredReading[] {
  const fixture = createFixture(SCENARIOS);
  return OTHER_DUTIES.filter(({ asks }) => asks.length === 1).flatMap(
    ({ service, answers, asks: [ask] }) => {
      const answered = SCENARIOS.flatMap((scenario): AnsweredReading[] => {
        const first = (kinds: readonly Kind[]) =>
          kinds.map(typeOf).find((type) => eventsOf(fixture, N[scenario], type).length > 0);
        const [asks, answer] = [first(ask!.kinds), first(answers)];
        return asks && answer ? [{ service, topic: ask!.topic, scenario, asks, answer }] : [];
      });
      return answered.slice(0, 1);
    },
  );
}

export const ANSWERED_READINGS: readonly AnsweredReading[] = [
  {
    service: "validator",
    topic: "orders.raw",
    scenario: "rejected",
    asks: "OrderPlaced",
    answer: "OrderRejected",
  },
  {
    service: "inventory",
    topic: "orders.validated",
    scenario: "out_of_stock",
    asks: "OrderValidated",
    answer: "InventoryRejected",
  },
  {
    service: "payment",
    topic: "orders.validated",
    scenario: "card_declined",
    asks: "OrderValidated",
    answer: "PaymentFailed",
  },
  {
    service: "fulfillment",
    topic: "inventory.events",
    scenario: "confirmed",
    asks: "InventoryUpdated",
    answer: "OrderConfirmed",
  },
  {
    service: "fulfillment",
    topic: "payment.events",
    scenario: "out_of_stock",
    asks: "PaymentProcessed",
    answer: "OrderCancelled",
  },
  {
    service: "inventory",
    topic: "orders.outcomes",
    scenario: "card_declined",
    asks: "OrderCancelled",
    answer: "InventoryUpdated",
  },
  {
    service: "payment",
    topic: "orders.outcomes",
    scenario: "out_of_stock",
    asks: "OrderCancelled",
    answer: "PaymentRefunded",
  },
  ...readingsOfOthers(),
];

/** A service's dead letter: of the order of this scenario, for a message of this topic. */
const DEAD_LETTERS: readonly { service: Processor; topic: Topic; scenario: Scenario }[] = [
  { service: "validator", topic: "orders.raw", scenario: "broken" },
  { service: "inventory", topic: "orders.validated", scenario: "parked" },
  { service: "payment", topic: "orders.validated", scenario: "broken_inside" },
  { service: "fulfillment", topic: "payment.events", scenario: "half_replayed" },
  { service: "inventory", topic: "orders.outcomes", scenario: "release_parked" },
];

/** What the last dead letter of a service about an order is about. */
function deadLetterOf(fixture: Fixture, service: Processor, scenario: Scenario) {
  const { headers } = fixture.records.findLast(({ topic, key, headers }) =>
    topic === `t.dlq.${service}` && "dlq-source-topic" in headers &&
    new TextDecoder().decode(key!) === orderId(N[scenario])
  )!;
  return {
    place: placeIn(headers["dlq-source-topic"]!, Number(headers["dlq-source-partition"])),
    offset: Number(headers["dlq-source-offset"]),
  };
}

export const OFFSET_CASES: readonly Case[] = [
  ...ANSWERED_READINGS.flatMap(({ service, topic, scenario, asks, answer }): Case[] => {
    const who = orderId(N[scenario]);
    const place = placeIn(`t.${topic}`, partitionOf(N[scenario]));
    const message = (fixture: Fixture) => eventsOf(fixture, N[scenario], asks)[0]!;
    return [
      {
        name: `${service}: an offset of ${topic} left out of its transaction`,
        mutate: (fixture) => fixture.committed[service].set(place, message(fixture).offset),
        fails: ["behind"],
        who,
        says: new RegExp(
          `^${service} answered ${
            placeIn(topic, partitionOf(N[scenario]))
          }@\\d+, but has committed \\d+: `,
        ),
      },
      {
        name: `${service}: an offset of ${topic} committed, and the answer not published`,
        mutate: (fixture) => drop(fixture, eventsOf(fixture, N[scenario], answer).at(-1)),
        fails: ["ahead"],
        who,
        says: new RegExp(
          `${service} has committed \\d+, past ${
            placeIn(topic, partitionOf(N[scenario]))
          }@\\d+, and did not answer it`,
        ),
      },
      {
        name: `${service}: a message of ${topic} that is not read yet`,
        mutate(fixture) {
          drop(fixture, eventsOf(fixture, N[scenario], answer).at(-1));
          fixture.committed[service].set(place, message(fixture).offset);
        },
        fails: ["answered"],
        passes: ["ahead"],
        who,
        says: new RegExp(
          `^${service} has not answered .*${placeIn(topic, partitionOf(N[scenario]))}@\\d+`,
        ),
      },
      {
        name: `${service}: an offset beyond the end of ${topic}`,
        mutate: (fixture) => fixture.committed[service].set(place, fixture.ends.get(place)! + 1),
        fails: ["ahead"],
        who: placeIn(topic, partitionOf(N[scenario])),
        says: new RegExp(`^${service} has committed \\d+, but it ends at \\d+$`),
      },
      {
        name: `${service}: no offset of ${topic}`,
        mutate: (fixture) => fixture.committed[service].delete(place),
        fails: ["behind"],
        who: placeIn(topic, partitionOf(N[scenario])),
        says: new RegExp(`^${service} has no committed offset: it may begin at its first message$`),
      },
    ];
  }),
  ...DEAD_LETTERS.map(({ service, topic, scenario }): Case => ({
    name: `${service}: the offset of a dead letter of ${topic} left out of its transaction`,
    mutate(fixture) {
      const { place, offset } = deadLetterOf(fixture, service, scenario);
      fixture.committed[service].set(place, offset);
    },
    fails: ["behind"],
    who: placeIn(topic, partitionOf(N[scenario])),
    says: new RegExp(`^${service} has a dead letter for it, but has committed \\d+$`),
  })),
  {
    name: "messages that were deleted before a service had read them",
    mutate: (fixture) => fixture.committed.payment.set("t.orders.validated 2", 1),
    options: { first: new Map([["t.orders.validated 2", 2]]) },
    fails: ["deleted"],
    who: "orders.validated 2",
    says: /^its messages before offset 2 were deleted, and payment had read those before 1 only$/,
  },
  {
    name: "messages that were deleted before a service had read any",
    mutate: (fixture) => fixture.committed.payment.set("t.orders.validated 2", 0),
    options: { first: new Map([["t.orders.validated 2", 1]]) },
    fails: ["deleted"],
    who: "orders.validated 2",
    says: /^its messages before offset 1 were deleted, and payment had read none$/,
  },
];
