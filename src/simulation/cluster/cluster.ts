/**
 * A model of a Kafka cluster in memory, in virtual time: what brokers answer, and the faults that real
 * ones have. The network between it and its clients is not part of it.
 */
import { Broker } from "./broker.ts";
import { COORDINATOR_NOT_AVAILABLE, NONE, UNKNOWN_TOPIC_OR_PARTITION } from "./codes.ts";
import { Controller } from "./controller.ts";
import * as coordinators from "./coordinators/coordinator_requests.ts";
import {
  Fetch,
  listOffsets,
  offsetForLeaderEpoch,
  produce,
  type Verify,
} from "./log/data_requests.ts";
import { GroupCoordinator } from "./coordinators/group_coordinator.ts";
import { InterBroker } from "./inter_broker.ts";
import { Replicas } from "./leadership.ts";
import { keyOf } from "./coordinators/offsets.ts";
import type { AnswerOf, Chance, Clock, MetadataAnswer, Request } from "./requests.ts";
import { TopicLeader } from "./log/topic_leader.ts";
import { TransactionCoordinator } from "./coordinators/transactions.ts";
import { fnv1a, mix } from "../../runtime/hash.ts";

export interface ClusterOptions {
  /** How many. */
  readonly brokers: number;
  /** Partitions of each topic. */
  readonly topics: Readonly<Record<string, number>>;
  /** How long the first members of a group wait for others (default: 100). */
  readonly initialRebalanceDelayMs?: number;
}

export interface CommittedRecord {
  readonly partition: number;
  readonly offset: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: Readonly<Record<string, Uint8Array | (Uint8Array | null)[] | null>>;
  /** Epoch milliseconds. */
  readonly timestamp: number;
  /** -1: none. */
  readonly producerId: number;
}

/** Of the coordinators' topics; enough that they are spread over the brokers. */
const COORDINATOR_PARTITIONS = 6;

export class SimulatedKafka {
  readonly clusterId = "simulated-cluster";
  readonly #brokers = new Map<number, Broker>();
  readonly #controller: Controller;
  readonly #replicas: Replicas;
  readonly #interBroker: InterBroker;
  readonly #verify: Verify;
  /** Counts failures of a broker: one that is over is not waited for any more. */
  readonly #outages = new Map<number, number>();
  #producerIds = 0n;
  #members = 0;

  constructor(
    private readonly time: Clock,
    private readonly random: Chance,
    { brokers, topics, initialRebalanceDelayMs = 100 }: ClusterOptions,
  ) {
    for (let id = 1; id <= brokers; id++) this.#brokers.set(id, new Broker(id, time));
    this.#interBroker = new InterBroker(time, random, this.#brokers);
    const replicas = this.#replicas = new Replicas(random);
    replicas.alone = brokers === 1;
    const ofTransactions = {
      clock: time,
      random,
      nextProducerId: () => this.#producerIds++,
      sendMarker: this.#interBroker.sendMarker.bind(this.#interBroker),
    };
    const ofGroups = {
      clock: time,
      random,
      initialDelayMs: initialRebalanceDelayMs,
      newMemberId: () => `member-${++this.#members}`,
    };
    this.#controller = new Controller([...this.#brokers.keys()], random, {
      topic: (home, broker, epoch, previous) =>
        new TopicLeader(home, broker, epoch, replicas, previous, random),
      transactions: (home, broker, epoch, previous) =>
        new TransactionCoordinator(home, broker, epoch, replicas, previous, ofTransactions),
      groups: (home, broker, epoch, previous) =>
        new GroupCoordinator(home, broker, epoch, replicas, previous, ofGroups),
    }, COORDINATOR_PARTITIONS);
    this.#verify = (broker, transaction, partition, done) => {
      const place = broker.view.transactions[partitionOf(transaction.transactionalId)]!;
      this.#interBroker.verify(broker, place, transaction, partition, done);
    };
    for (const name in topics) this.#controller.createTopic(name, topics[name]!);
    for (const broker of this.#brokers.values()) {
      broker.view = this.#controller.image;
      broker.lead();
    }
  }

  /** All brokers, dead ones, too. */
  nodes(): number[] {
    return [...this.#brokers.keys()];
  }

  /**
   * An answer, or a promise that never settles.
   *
   * @throws {Unreachable} the broker is dead
   * @throws {Disconnected} it died before it answered
   */
  handle<R extends Request>(node: number, request: R): Promise<AnswerOf<R>> {
    const broker = this.#broker(node);
    return broker.ask<AnswerOf<R>>((answer) =>
      this.#carryOut(broker, request, answer as (answer: unknown) => void)
    );
  }

  #carryOut(broker: Broker, request: Request, answer: (answer: unknown) => void): void {
    const { view } = broker;
    switch (request.api) {
      case "Produce":
        return produce(broker, request, this.#verify, answer);
      case "Fetch":
        void new Fetch(broker, request, answer);
        return;
      case "ListOffsets":
        return answer(listOffsets(broker, request));
      case "OffsetForLeaderEpoch":
        return answer(offsetForLeaderEpoch(broker, request));
      case "Metadata":
        return answer(this.#metadata(broker, request.topics));
      case "FindCoordinator": {
        const places = request.type === "group" ? view.groups : view.transactions;
        const { leader: node } = places[partitionOf(request.key)]!;
        return answer({ code: node < 0 ? COORDINATOR_NOT_AVAILABLE : NONE, node });
      }
      case "InitProducerId": {
        const { transactionalId } = request;
        if (transactionalId === null) {
          return answer({ codes: [NONE], producerId: this.#producerIds++, producerEpoch: 0 });
        }
        const place = view.transactions[partitionOf(transactionalId)]!;
        return coordinators.initProducerId(broker, place, { ...request, transactionalId }, answer);
      }
      case "AddPartitionsToTxn":
      case "AddOffsetsToTxn":
      case "EndTxn": {
        const place = view.transactions[partitionOf(request.transactionalId)]!;
        if (request.api === "EndTxn") return coordinators.endTxn(broker, place, request, answer);
        if (request.api === "AddPartitionsToTxn") {
          return coordinators.addPartitionsToTxn(broker, place, request, answer);
        }
        const offsets = partitionOf(request.group);
        return coordinators.addOffsetsToTxn(broker, place, offsets, request, answer);
      }
      default: {
        const place = view.groups[partitionOf(request.group)]!;
        switch (request.api) {
          case "TxnOffsetCommit":
            return coordinators.txnOffsetCommit(broker, place, request, this.#verify, answer);
          case "OffsetCommit":
            return coordinators.offsetCommit(broker, place, request, answer);
          case "OffsetFetch":
            return coordinators.offsetFetch(broker, place, request, answer);
          default:
            return coordinators.groupMember(broker, place, request, answer);
        }
      }
    }
  }

  /** @param names none: all */
  #metadata({ view }: Broker, names: readonly string[]): MetadataAnswer {
    const asked = names.length > 0 ? names : [...view.topics.keys()];
    const topics = asked.map((name) =>
      view.topics.get(name)?.answer ??
        { code: UNKNOWN_TOPIC_OR_PARTITION, name, id: "", partitions: [] }
    );
    return { clusterId: this.clusterId, brokers: view.alive, topics };
  }

  #broker(node: number): Broker {
    const broker = this.#brokers.get(node);
    if (!broker) throw new Error(`the simulated cluster has no broker ${node}`);
    return broker;
  }

  // Faults of brokers.

  /** It is killed: connections close; it keeps its log. */
  crashBroker(node: number): void {
    const broker = this.#broker(node);
    if (broker.state === "dead") return;
    broker.crash();
    this.#failed(broker);
  }

  /** Starts it again, with what it has in its log. */
  restartBroker(node: number): void {
    const broker = this.#broker(node);
    if (broker.state !== "dead") return;
    const outage = this.#outages.get(node);
    this.time.at(this.random.between(200, 2_000), () => {
      if (broker.state !== "dead" || this.#outages.get(node) !== outage) return;
      this.#outages.set(node, outage! + 1);
      // It registers as new: what it led before, others lead by now.
      if (this.#controller.alive.has(node)) this.#controller.fence(node);
      this.#controller.unfence(node);
      broker.state = "up";
      broker.view = this.#controller.image;
      this.#publish();
      broker.lead();
      this.#catchUp(broker);
    });
  }

  /** As SIGSTOP: it answers nobody, and does nothing, until it is thawed. */
  freezeBroker(node: number): void {
    const broker = this.#broker(node);
    if (broker.state !== "up") return;
    broker.state = "frozen";
    this.#failed(broker);
  }

  /** It goes on with what it knew, and learns a little later what has happened since. */
  thawBroker(node: number): void {
    const broker = this.#broker(node);
    if (broker.state !== "frozen") return;
    this.#outages.set(node, this.#outages.get(node)! + 1);
    broker.thaw();
    this.#replicasChanged();
    broker.after(this.random.between(20, 300), () => {
      if (!this.#controller.alive.has(node)) {
        this.#controller.unfence(node);
        this.#publish();
        this.#catchUp(broker);
      }
      broker.learn(this.#controller.image);
    });
  }

  #failed({ id }: Broker): void {
    const outage = (this.#outages.get(id) ?? 0) + 1;
    this.#outages.set(id, outage);
    this.#replicasChanged();
    // broker.session.timeout.ms
    this.time.at(this.random.between(1_000, 3_000), () => {
      if (this.#outages.get(id) !== outage || !this.#controller.alive.has(id)) return;
      this.#controller.fence(id);
      this.#publish();
    });
  }

  #catchUp(broker: Broker): void {
    broker.after(this.random.between(50, 800), () => {
      if (this.#controller.caughtUp(broker.id)) this.#publish();
      else this.#catchUp(broker);
    });
  }

  #replicasChanged(): void {
    const { inSync } = this.#controller;
    const enough = Math.min(2, this.#brokers.size);
    const tooFew = inSync.size < enough;
    const answer = [...inSync].every((node) => this.#broker(node).state === "up");
    this.#replicas.changed(answer && !tooFew, tooFew);
  }

  /** Each broker learns of a change a little later, one after the other. */
  #publish(): void {
    this.#replicasChanged();
    const { image } = this.#controller;
    for (const broker of this.#brokers.values()) {
      if (broker.state !== "up") continue;
      const usual = this.random.between(1, 60);
      const afterMs = Math.max(usual, broker.learnsFrom - this.time.now);
      broker.after(afterMs, () => broker.learn(image));
    }
  }

  /** The broker does not learn of changes for a while. */
  delayMetadata(node: number, ms: number): void {
    this.#broker(node).learnsFrom = this.time.now + ms;
  }

  /** @returns whether there is another broker that can lead */
  moveLeader(topic: string, partition: number): boolean {
    return this.#move(this.#controller.homeOf(topic, partition));
  }

  moveCoordinator(type: "group" | "transaction", key: string): boolean {
    const kind = type === "group" ? "groups" : "transactions";
    return this.#move(this.#controller.coordinatorHome(kind, partitionOf(key)));
  }

  #move(home: Parameters<Controller["moveLeader"]>[0]): boolean {
    const moved = this.#controller.moveLeader(home);
    if (moved) this.#publish();
    return moved;
  }

  // What people and retention do.

  /** Records before an offset are gone, where they are replicated. */
  deleteRecords(topic: string, partition: number, before: number): void {
    this.#logOf(topic, partition)?.deleteBefore(before);
  }

  /** @param count how many it has then */
  addPartitions(topic: string, count: number): void {
    this.#controller.addPartitions(topic, count);
    this.#publish();
  }

  createTopic(topic: string, partitions: number): void {
    this.#controller.createTopic(topic, partitions);
    this.#publish();
  }

  deleteTopic(topic: string): void {
    this.#controller.deleteTopic(topic);
    this.#forgetOffsets(topic);
    this.#publish();
  }

  /** As empty, with as many partitions and another id. */
  recreateTopic(topic: string): void {
    const count = this.#controller.partitionCount(topic);
    this.#controller.deleteTopic(topic);
    this.#forgetOffsets(topic);
    this.createTopic(topic, count);
  }

  #forgetOffsets(topic: string): void {
    for (let partition = 0; partition < COORDINATOR_PARTITIONS; partition++) {
      const { owner } = this.#controller.coordinatorHome("groups", partition);
      if (owner instanceof GroupCoordinator) owner.topicDeleted(topic);
    }
  }

  /** A rebalance without a reason that a member could know. */
  rebalance(group: string): void {
    const coordinator = this.#groupCoordinator(group);
    if (coordinator?.unavailable === NONE) coordinator.group(group).kick();
  }

  // For checks.

  /** Committed records, partition by partition, in the order of their offsets. */
  recordsOf(topic: string): CommittedRecord[] {
    const found: CommittedRecord[] = [];
    for (const { owner, partition } of this.#controller.homesOf(topic)) {
      if (!(owner instanceof TopicLeader)) continue;
      for (const { records, producerId } of owner.log.committed()) {
        for (const { offset, key, value, headers, timestamp } of records) {
          found.push({
            partition,
            offset: Number(offset),
            key,
            value,
            headers,
            timestamp: Number(timestamp),
            producerId: Number(producerId),
          });
        }
      }
    }
    return found;
  }

  committedOffset(group: string, topic: string, partition: number): number | undefined {
    return this.#groupCoordinator(group)?.offsets.offset(keyOf(group, topic, partition));
  }

  /** As the newest leader has it. */
  logOf(
    topic: string,
    partition: number,
  ): { start: number; end: number; lastStableOffset: number } {
    const log = this.#logOf(topic, partition);
    return log ?? { start: 0, end: 0, lastStableOffset: 0 };
  }

  #logOf(topic: string, partition: number): TopicLeader["log"] | undefined {
    const { owner } = this.#controller.homeOf(topic, partition);
    return owner instanceof TopicLeader ? owner.log : undefined;
  }

  #groupCoordinator(group: string): GroupCoordinator | undefined {
    const { owner } = this.#controller.coordinatorHome("groups", partitionOf(group));
    return owner instanceof GroupCoordinator ? owner : undefined;
  }
}

function partitionOf(key: string): number {
  return (mix(fnv1a(key)) >>> 0) % COORDINATOR_PARTITIONS;
}
