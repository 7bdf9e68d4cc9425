/** A model of a Kafka cluster in memory, in virtual time: what brokers answer, and how they fail. */
import { Broker, type Home } from "./broker.ts";
import { NONE } from "./codes.ts";
import { carryOut, COORDINATOR_PARTITIONS, partitionOf, type Services } from "./carry_out.ts";
import { Controller } from "./controller.ts";
import { GroupCoordinator } from "./coordinators/group_coordinator.ts";
import { Failures } from "./failures.ts";
import { InterBroker } from "./inter_broker.ts";
import { Replicas } from "./leadership.ts";
import { keyOf } from "./coordinators/offsets.ts";
import type { AnswerOf, Chance, Clock, CommittedRecord, Request, StoredBatch } from "./requests.ts";
import { TopicLeader } from "./log/topic_leader.ts";
import { Decisions } from "./coordinators/decisions.ts";
import { TransactionCoordinator } from "./coordinators/transactions.ts";

export interface ClusterOptions {
  /** How many. */
  readonly brokers: number;
  /** Partitions of each topic. */
  readonly topics: Readonly<Record<string, number>>;
  /** How long the first members of a group wait for others (default: 100). */
  readonly initialRebalanceDelayMs?: number;
}

type LogEnds = Pick<TopicLeader["log"], "start" | "end" | "lastStableOffset" | "committedEnd">;

const NO_LOG: LogEnds = { start: 0, end: 0, lastStableOffset: 0, committedEnd: 0 };

export class SimulatedKafka {
  readonly clusterId = "simulated-cluster";
  readonly #brokers = new Map<number, Broker>();
  readonly #controller: Controller;
  readonly #services: Services;
  readonly #failures: Failures;
  /** Transactional ids whose coordinator dies at the next commit. */
  readonly #toKill = new Set<string>();
  #producerIds = 0n;
  readonly decisions = new Decisions();
  #members = 0;

  constructor(
    private readonly time: Clock,
    random: Chance,
    { brokers, topics, initialRebalanceDelayMs = 100 }: ClusterOptions,
  ) {
    for (let id = 1; id <= brokers; id++) this.#brokers.set(id, new Broker(id, time));
    const interBroker = new InterBroker(time, random.fork("verify"), this.#brokers);
    const replicas = new Replicas();
    replicas.alone = brokers === 1;
    const ofTransactions = {
      clock: time,
      random,
      nextProducerId: () => this.#producerIds++,
      decisions: this.decisions,
      sendMarker: interBroker.sendMarker.bind(interBroker),
    };
    const ofGroups = {
      clock: time,
      random,
      initialDelayMs: initialRebalanceDelayMs,
      newMemberId: () => `member-${++this.#members}`,
    };
    this.#controller = new Controller([...this.#brokers.keys()], random.fork("controller"), {
      topic: (home, broker, epoch, previous) =>
        new TopicLeader(home, broker, epoch, replicas, previous, random),
      transactions: (home, broker, epoch, previous) =>
        new TransactionCoordinator(home, broker, epoch, replicas, previous, ofTransactions),
      groups: (home, broker, epoch, previous) =>
        new GroupCoordinator(home, broker, epoch, replicas, previous, ofGroups),
    }, COORDINATOR_PARTITIONS);
    this.#failures = new Failures(
      time,
      random.fork("failures"),
      this.#brokers,
      this.#controller,
      replicas,
    );
    this.#services = {
      clusterId: this.clusterId,
      nextProducerId: ofTransactions.nextProducerId,
      verify: (broker, transaction, partition, done) => {
        const place = broker.view.transactions[partitionOf(transaction.transactionalId)]!;
        interBroker.verify(broker, place, transaction, partition, done);
      },
    };
    for (const name in topics) this.#controller.createTopic(name, topics[name]!);
    for (const broker of this.#brokers.values()) {
      broker.view = this.#controller.image;
      broker.lead();
    }
  }

  nodes(): number[] {
    return [...this.#brokers.keys()];
  }

  isUp(node: number): boolean {
    return this.#broker(node).state === "up";
  }

  /** An answer, or a promise that never settles. @throws Unreachable, Disconnected: as `Broker.ask` */
  handle<R extends Request>(node: number, request: R): Promise<AnswerOf<R>> {
    return new Promise((resolve, reject) => this.ask(node, request, resolve, reject));
  }

  ask<R extends Request>(
    node: number,
    request: R,
    answered: (answer: AnswerOf<R>) => void,
    failed: (error: Error) => void,
  ): void {
    const broker = this.#broker(node);
    broker.ask<AnswerOf<R>>(
      (answer) => carryOut(broker, request, this.#services, answer as (answer: unknown) => void),
      answered,
      failed,
    );
    if (this.#toKill.size > 0 && request.api === "EndTxn" && request.commit) this.#kill(request);
  }

  #kill({ transactionalId }: { readonly transactionalId: string }): void {
    const { owner } = this.#controller.coordinatorHome(
      "transactions",
      partitionOf(transactionalId),
    );
    if (!(owner instanceof TransactionCoordinator) || !owner.hasUnreplicated) return;
    if (!this.#toKill.delete(transactionalId)) return;
    this.#failures.crash(owner.broker);
    this.#failures.restart(owner.broker, true);
  }

  #broker(node: number): Broker {
    const broker = this.#brokers.get(node);
    if (!broker) throw new Error(`the simulated cluster has no broker ${node}`);
    return broker;
  }

  // Faults of brokers: see `Failures`.

  crashBroker(node: number): void {
    this.#failures.crash(this.#broker(node));
  }

  /** @param isQuick before the controller has noticed */
  restartBroker(node: number, isQuick = false): void {
    this.#failures.restart(this.#broker(node), isQuick);
  }

  /**
   * Kills the coordinator when it has written into its own log that this id's next transaction is to be
   * committed, and no replica has copied that; starts it again at once.
   */
  killCoordinatorAtCommit(transactionalId: string): void {
    this.#toKill.add(transactionalId);
  }

  freezeBroker(node: number): void {
    this.#failures.freeze(this.#broker(node));
  }

  thawBroker(node: number): void {
    this.#failures.thaw(this.#broker(node));
  }

  /** From the controller and the other brokers, not from its clients. */
  cutOffBroker(node: number): void {
    this.#failures.cutOff(this.#broker(node));
  }

  reconnectBroker(node: number): void {
    this.#failures.reconnect(this.#broker(node));
  }

  /** The broker does not learn of changes for a while. */
  delayMetadata(node: number, ms: number): void {
    this.#broker(node).learnsFrom = this.time.now + ms;
  }

  /** The markers of its transactions are written so much later (0: as usual). */
  delayMarkers(node: number, byMs: number): void {
    this.#broker(node).markersLateMs = byMs;
  }

  /** @returns whether there is another broker that can lead */
  moveLeader(topic: string, partition: number): boolean {
    return this.#move(this.#controller.homeOf(topic, partition));
  }

  moveCoordinator(type: "group" | "transaction", key: string): boolean {
    const kind = type === "group" ? "groups" : "transactions";
    return this.#move(this.#controller.coordinatorHome(kind, partitionOf(key)));
  }

  #move(home: Home): boolean {
    const moved = this.#controller.moveLeader(home);
    if (moved) this.#failures.publish();
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
    this.#failures.publish();
  }

  createTopic(topic: string, partitions: number): void {
    this.#controller.createTopic(topic, partitions);
    this.#failures.publish();
  }

  deleteTopic(topic: string): void {
    this.#controller.deleteTopic(topic);
    this.#forgetOffsets(topic);
    this.#failures.publish();
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
            offset,
            key,
            value,
            headers,
            timestamp,
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
  logOf(topic: string, partition: number): LogEnds {
    return this.#logOf(topic, partition) ?? NO_LOG;
  }

  /** All that the newest leader has, markers and what was aborted, too. */
  batchesOf(topic: string, partition: number): readonly StoredBatch[] {
    return this.#logOf(topic, partition)?.batches ?? [];
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
