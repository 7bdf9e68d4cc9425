/**
 * The transaction coordinator (Kafka's TransactionCoordinator), for the ids of one partition of
 * __transaction_state. Errors are those of the request versions that we send: one that is fenced hears
 * INVALID_PRODUCER_EPOCH.
 */
import type { Broker, Home, Led } from "../broker.ts";
import type { Decisions } from "./decisions.ts";
import {
  CONCURRENT_TRANSACTIONS,
  INVALID_PRODUCER_EPOCH,
  INVALID_PRODUCER_ID_MAPPING,
  INVALID_TXN_STATE,
  NONE,
} from "../codes.ts";
import { Coordinator } from "./coordinator_log.ts";
import type { Replicas } from "../leadership.ts";
import type { TransactionMarker } from "../log/marker.ts";
import type { Chance, Clock, ProducerIdentity } from "../requests.ts";

type State =
  | "Empty"
  | "Ongoing"
  | "PrepareCommit"
  | "PrepareAbort"
  | "CompleteCommit"
  | "CompleteAbort";

/** As it stands in the log. */
interface TransactionEntry {
  readonly id: string;
  readonly producerId: bigint;
  readonly epoch: number;
  readonly state: State;
  readonly timeoutMs: number;
  /** In ms; of an ongoing one. */
  readonly startedAt: number;
  /** `topic/partition`, or `group:NAME` for a group's offsets. */
  readonly partitions: readonly string[];
}

interface Transaction {
  entry: TransactionEntry;
  /** A fence that is not in the log yet counts already. */
  epoch: number;
  /** On its way to the next state: nothing else may begin. */
  isPending: boolean;
}

export interface TransactionServices {
  readonly clock: Clock;
  readonly random: Chance;
  nextProducerId(): bigint;
  readonly decisions: Decisions;
  /** Writes a marker to the partition's leader, however long it takes; `false`: given up for good. */
  sendMarker(
    from: TransactionCoordinator,
    partition: string,
    marker: TransactionMarker,
    done: (written: boolean) => void,
  ): void;
}

/** Kafka looks for transactions that have timed out every 10 s. */
const TIMEOUT_CHECK_MS = 10_000;
const RETRY_MS = 100;

export class TransactionCoordinator extends Coordinator<TransactionEntry> {
  readonly #transactions = new Map<string, Transaction>();
  #isWatching = false;

  constructor(
    home: Home,
    broker: Broker,
    epoch: number,
    replicas: Replicas,
    previous: Led | undefined,
    private readonly services: TransactionServices,
  ) {
    super(home, broker, epoch, replicas, services.random);
    this.load(previous);
  }

  /** As its broker has it after a restart, before it has heard of anything else. */
  again(): TransactionCoordinator {
    const { home, broker, epoch, replicas, services } = this;
    return new TransactionCoordinator(home, broker, epoch, replicas, this, services);
  }

  initProducerId(
    id: string,
    timeoutMs: number,
    answer: (code: number, identity?: ProducerIdentity) => void,
  ): void {
    let transaction = this.#transactions.get(id);
    if (!transaction) {
      const producerId = this.services.nextProducerId();
      const partitions: string[] = [];
      const entry = { id, producerId, epoch: -1, timeoutMs, partitions, startedAt: -1 };
      transaction = { entry: { ...entry, state: "Empty" }, epoch: -1, isPending: false };
      this.#transactions.set(id, transaction);
    }
    if (transaction.isPending || isPrepared(transaction.entry)) {
      return answer(CONCURRENT_TRANSACTIONS);
    }
    if (transaction.entry.state === "Ongoing") {
      // The epoch of the fence is never given out: it is raised once more when the abort is complete.
      return this.#fence(
        transaction,
        (code) => answer(code === NONE ? CONCURRENT_TRANSACTIONS : code),
      );
    }
    const epoch = transaction.epoch + 1;
    const { producerId } = transaction.entry;
    this.#transit(
      transaction,
      { state: "Empty", epoch, timeoutMs, partitions: [] },
      (code) => code === NONE ? answer(NONE, { producerId, producerEpoch: epoch }) : answer(code),
    );
  }

  addPartitions(
    id: string,
    identity: ProducerIdentity,
    partitions: readonly string[],
    answer: (code: number) => void,
  ): void {
    const transaction = this.#transactions.get(id);
    // Before all else: the epoch may be about to change.
    if (transaction?.isPending) return answer(CONCURRENT_TRANSACTIONS);
    const code = refusal(transaction, identity);
    if (code !== NONE) return answer(code);
    const { entry } = transaction!;
    if (isPrepared(entry)) return answer(CONCURRENT_TRANSACTIONS);
    const isOngoing = entry.state === "Ongoing";
    const added = isOngoing
      ? partitions.filter((each) => !entry.partitions.includes(each))
      : partitions;
    if (isOngoing && added.length === 0) return answer(NONE);
    const startedAt = isOngoing ? entry.startedAt : this.services.clock.now;
    const all = isOngoing ? [...entry.partitions, ...added] : [...partitions];
    this.#transit(transaction!, { state: "Ongoing", startedAt, partitions: all }, (code) => {
      if (code === NONE) this.#watchTimeouts();
      answer(code);
    });
  }

  /** Whether a producer may write to a partition: only within a transaction that has it (KIP-890). */
  verify(id: string, identity: ProducerIdentity, partition: string): number {
    const transaction = this.#transactions.get(id);
    const code = refusal(transaction, identity);
    if (code !== NONE) return code;
    const { entry } = transaction!;
    if (isPrepared(entry)) return CONCURRENT_TRANSACTIONS;
    return entry.partitions.includes(partition) ? NONE : INVALID_TXN_STATE;
  }

  endTxn(
    id: string,
    identity: ProducerIdentity,
    commit: boolean,
    answer: (code: number) => void,
  ): void {
    const transaction = this.#transactions.get(id);
    const code = refusal(transaction, identity);
    if (code !== NONE) return answer(code);
    if (transaction!.isPending) return answer(CONCURRENT_TRANSACTIONS);
    switch (transaction!.entry.state) {
      case "Ongoing":
        return this.#prepare(transaction!, commit, answer);
      case "CompleteCommit":
        return answer(commit ? NONE : INVALID_TXN_STATE);
      case "CompleteAbort":
        return answer(commit ? INVALID_TXN_STATE : NONE);
      case "PrepareCommit":
        return answer(commit ? CONCURRENT_TRANSACTIONS : INVALID_TXN_STATE);
      case "PrepareAbort":
        return answer(commit ? INVALID_TXN_STATE : CONCURRENT_TRANSACTIONS);
      case "Empty":
        return answer(INVALID_TXN_STATE);
    }
  }

  /** Raises the epoch, and aborts what is open. */
  #fence(transaction: Transaction, done: (code: number) => void): void {
    // A fence that could not be written keeps its epoch (hasFailedEpochFence).
    transaction.epoch = Math.max(transaction.epoch, transaction.entry.epoch + 1);
    this.#prepare(transaction, false, done);
  }

  /** Once it is in the log it is decided, and answered; the markers follow. */
  #prepare(transaction: Transaction, commit: boolean, done: (code: number) => void): void {
    const state = commit ? "PrepareCommit" : "PrepareAbort";
    this.#transit(transaction, { state, epoch: transaction.epoch }, (code) => {
      done(code);
      if (code === NONE) this.#complete(transaction);
    });
  }

  /** Writes the markers, each when it gets there, and then that all are written. */
  #complete(transaction: Transaction): void {
    const { producerId, epoch: producerEpoch, state, partitions } = transaction.entry;
    const commit = state === "PrepareCommit";
    this.services.decisions.note(transaction.entry, commit);
    const marker = { producerId, producerEpoch, coordinatorEpoch: this.epoch, commit };
    transaction.isPending = true;
    let left = partitions.length;
    for (const partition of partitions) {
      this.services.sendMarker(this, partition, marker, (written) => {
        if (written && --left === 0) this.#markComplete(transaction, commit);
      });
    }
    if (left === 0 && partitions.length === 0) this.#markComplete(transaction, commit);
  }

  #markComplete(transaction: Transaction, commit: boolean): void {
    const state = commit ? "CompleteCommit" : "CompleteAbort";
    this.#transit(transaction, { state, partitions: [], startedAt: -1 }, (code) => {
      if (code === NONE || !this.isActive) return;
      transaction.isPending = true;
      this.broker.after(RETRY_MS, () => {
        if (this.isActive) this.#markComplete(transaction, commit);
      });
    });
  }

  #transit(
    transaction: Transaction,
    change: Partial<TransactionEntry>,
    done: (code: number) => void,
  ): void {
    transaction.isPending = true;
    const entry = { ...transaction.entry, ...change };
    this.write(entry, (code) => {
      transaction.isPending = false;
      if (code === NONE) {
        transaction.entry = entry;
        transaction.epoch = entry.epoch;
      }
      done(code);
    });
  }

  /** One timer for all of them, moved when it is due. */
  #watchTimeouts(): void {
    if (this.#isWatching) return;
    let earliest = Infinity;
    for (const { entry: { state, startedAt, timeoutMs } } of this.#transactions.values()) {
      if (state === "Ongoing") earliest = Math.min(earliest, startedAt + timeoutMs);
    }
    if (earliest === Infinity) return;
    this.#isWatching = true;
    const dueMs = Math.max(0, earliest - this.services.clock.now);
    this.broker.after(dueMs + this.random.between(1, TIMEOUT_CHECK_MS), () => {
      this.#isWatching = false;
      if (this.isActive) this.#abortTimedOut();
    });
  }

  #abortTimedOut(): void {
    const { now } = this.services.clock;
    for (const transaction of this.#transactions.values()) {
      const { entry: { state, startedAt, timeoutMs }, isPending } = transaction;
      if (state !== "Ongoing" || isPending || startedAt + timeoutMs > now) continue;
      this.#fence(transaction, () => {});
    }
    this.#watchTimeouts();
  }

  protected override replay(entry: TransactionEntry): void {
    this.#transactions.set(entry.id, { entry, epoch: entry.epoch, isPending: false });
  }

  /** Its own writes change the state when they are acknowledged, not before. */
  protected override committed(): void {}

  protected override loaded(): void {
    for (const transaction of this.#transactions.values()) {
      if (isPrepared(transaction.entry)) this.#complete(transaction);
    }
    this.#watchTimeouts();
  }

  /** For checks: by id. */
  states(): Record<string, State> {
    return Object.fromEntries([...this.#transactions].map(([id, { entry }]) => [id, entry.state]));
  }
}

function isPrepared({ state }: TransactionEntry): boolean {
  return state === "PrepareCommit" || state === "PrepareAbort";
}

function refusal(transaction: Transaction | undefined, identity: ProducerIdentity): number {
  if (!transaction || transaction.entry.producerId !== identity.producerId) {
    return INVALID_PRODUCER_ID_MAPPING;
  }
  return transaction.epoch === identity.producerEpoch ? NONE : INVALID_PRODUCER_EPOCH;
}
