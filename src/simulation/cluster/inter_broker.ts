/** What brokers ask of each other: markers of transactions, and whether a transaction has a partition. */
import type { Broker, Image, Place } from "./broker.ts";
import {
  INVALID_PRODUCER_EPOCH,
  NETWORK_EXCEPTION,
  NONE,
  NOT_COORDINATOR,
  NOT_LEADER_OR_FOLLOWER,
  TRANSACTION_COORDINATOR_FENCED,
} from "./codes.ts";
import { GroupCoordinator } from "./coordinators/group_coordinator.ts";
import type { TransactionMarker } from "./log/marker.ts";
import type { Chance, Clock, ProducerIdentity } from "./requests.ts";
import { TopicLeader } from "./log/topic_leader.ts";
import { TransactionCoordinator } from "./coordinators/transactions.ts";

export const OFFSETS_TOPIC = "__consumer_offsets";

/** A broker's request.timeout.ms. */
const REQUEST_LIMIT_MS = 30_000;

export class InterBroker {
  constructor(
    private readonly clock: Clock,
    private readonly random: Chance,
    private readonly brokers: ReadonlyMap<number, Broker>,
  ) {}

  /** Until it is written, or refused for good, or the coordinator leads no more. */
  sendMarker(
    from: TransactionCoordinator,
    partition: string,
    marker: TransactionMarker,
    done: (written: boolean) => void,
  ): void {
    const retry = (code: number) => {
      if (!from.isActive) return;
      if (code === NONE) return done(true);
      if (code === INVALID_PRODUCER_EPOCH || code === TRANSACTION_COORDINATOR_FENCED) {
        return done(false);
      }
      from.broker.after(from.random.between(20, 150), send);
    };
    const send = () => {
      if (!from.isActive) return;
      const place = placeOf(from.broker.view, partition);
      // Kafka leaves out what it cannot find: the topic has been deleted.
      if (!place) return done(true);
      const target = this.brokers.get(place.leader);
      if (!target || target.state === "dead" || !target.reaches(from.broker)) {
        return retry(NOT_LEADER_OR_FOLLOWER);
      }
      let isAnswered = false;
      const answer = (code: number) => {
        if (isAnswered) return;
        isAnswered = true;
        from.broker.after(from.random.between(0.2, 1.5), () => retry(code));
      };
      if (target.state === "frozen") {
        this.#giveUpLater(from.broker, () => answer(NOT_LEADER_OR_FOLLOWER));
      }
      target.ask<number>(
        (done) => this.#writeMarker(target, place, marker, done),
        answer,
        () => answer(NOT_LEADER_OR_FOLLOWER),
      );
    };
    from.broker.after(from.random.between(0.3, 6) + from.broker.markersLateMs, send);
  }

  #giveUpLater(broker: Broker, work: () => void): void {
    broker.after(this.random.between(2_000, REQUEST_LIMIT_MS), work);
  }

  #writeMarker(
    broker: Broker,
    place: Place,
    marker: TransactionMarker,
    answer: (code: number) => void,
  ): void {
    const led = broker.leads.get(place.home);
    if (led instanceof TopicLeader) return led.appendMarker(marker, this.clock.now, answer);
    if (led instanceof GroupCoordinator && led.unavailable === NONE) {
      return led.appendMarker(marker, answer);
    }
    answer(NOT_LEADER_OR_FOLLOWER);
  }

  /** The coordinator's answer, or NETWORK_EXCEPTION. */
  verify(
    broker: Broker,
    coordinator: Place,
    transaction: ProducerIdentity & { readonly transactionalId: string },
    partition: string,
    done: (code: number) => void,
  ): void {
    const ask = () => {
      const target = this.brokers.get(coordinator.leader);
      if (target?.state === "frozen") {
        return this.#giveUpLater(broker, () => done(NETWORK_EXCEPTION));
      }
      if (target?.state !== "up" || !target.reaches(broker)) return done(NETWORK_EXCEPTION);
      const led = target.leads.get(coordinator.home);
      if (!(led instanceof TransactionCoordinator)) return done(NOT_COORDINATOR);
      const code = led.unavailable;
      done(code === NONE ? led.verify(transaction.transactionalId, transaction, partition) : code);
    };
    if (this.brokers.size === 1) ask();
    else broker.after(this.random.between(0.3, 3), ask);
  }
}

function placeOf(view: Image, partition: string): Place | undefined {
  const slash = partition.lastIndexOf("/");
  const topic = partition.slice(0, slash);
  const number = Number(partition.slice(slash + 1));
  if (topic === OFFSETS_TOPIC) return view.groups[number];
  return view.topics.get(topic)?.places[number];
}
