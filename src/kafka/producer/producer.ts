/**
 * A producer: idempotent, and with a transactional id also transactional. One small state machine:
 *
 *   InitProducerId ─▶ ready ─ AddPartitionsToTxn, Produce ───────▶ in transaction ─ EndTxn ─▶ ready …
 *                          └─ AddOffsetsToTxn, TxnOffsetCommit ─▶┘
 *   whatever fails ─▶ spent
 *
 * A spent producer stays so: another one with the same transactional id fences it, ends what it left
 * open, and sees from the committed offset whether a commit without an answer was carried out.
 *
 * Two requests are repeated when no answer comes: a Produce, whose sequence numbers identify the batch,
 * and a commit, after which the producer is spent, so that there is no next transaction. Any other request
 * to a coordinator is not: carried out late, it would belong to the next transaction, which has the same
 * epoch. A new InitProducerId fences it. docs/transaction-errors.md has a row for each error.
 */
import type { TopicMessages } from "kafkajs";
import type { Compression } from "../access.ts";
import { pause, settlesWithin, sideBySide } from "../../runtime/shutdown.ts";
import { compressionOf } from "../client/client.ts";
import { encodeRecordBatch } from "../protocol/encode.ts";
import {
  type Cluster,
  type ClusterSource,
  connectCluster,
  createCluster,
} from "../client/cluster.ts";
import {
  createLeaders,
  isAboutPartition,
  type Leaders,
  requirePartitions,
} from "./destinations.ts";
import { byPartition, type PartitionMessages } from "./partitioning.ts";
import { type Coordinators, createCoordinators } from "../client/coordinator.ts";
import type { ProducerError } from "../client/error_codes.ts";
import { createSequences, deliver } from "./delivery.ts";
import type { ProducerOptions } from "./options.ts";
import {
  addOffsetsToTxnRequest,
  addPartitionsToTxnRequest,
  endTxnRequest,
  initProducerIdRequest,
  type MemberGeneration,
  type PartitionBatch,
  type PartitionOffset,
  type ProducerIdentity,
  type TopicPartition,
  txnOffsetCommitRequest,
} from "../protocol/requests.ts";

/** Before anything was sent: a failure loses nothing. */
const OPEN_LIMIT_MS = 15_000;
/** Short: without an abort the time-out ends the transaction, or the next owner does. */
const ABORT = { limitMs: 1_000, repeatable: false };
const CLOSE_LIMIT_MS = 3_000;

export class Producer {
  /** Whether a transaction is open, as far as we know. */
  #open = false;
  /** Why this producer is spent. */
  #failure: unknown;
  #busy = false;
  /** Some request without an answer may still be carried out. */
  #unanswered = false;
  /** Aborts when it is closed, or where something has failed: what is beside that gives up. */
  readonly #ending = new AbortController();
  readonly #inTransaction = new Set<string>();
  readonly #sequences = createSequences();
  readonly #leaders: Leaders;

  private constructor(
    private readonly cluster: Cluster,
    private readonly coordinators: Coordinators,
    private readonly identity: ProducerIdentity,
    private readonly options: ProducerOptions,
    private readonly compression: Compression,
  ) {
    const id = options.transactionalId ?? null;
    this.#leaders = createLeaders(cluster, id, () => this.#unanswered = true);
  }

  /**
   * Takes the transactional id, if there is one. When this resolves, its last owner is fenced, and the
   * transaction that it left open is ended.
   *
   * @throws {ProducerError} no broker answers, or one refuses
   */
  static async open(kafka: ClusterSource, options: ProducerOptions): Promise<Producer> {
    const { transactionalId, transactionTimeoutMs = 0, deliveryTimeoutMs } = options;
    const cluster: Cluster = createCluster(kafka);
    const coordinators = createCoordinators(cluster);
    try {
      await connectCluster(cluster);
      const identity = await coordinators.ask(
        transactionalId === undefined ? "any" : "transaction",
        transactionalId ?? "",
        initProducerIdRequest(transactionalId ?? null, transactionTimeoutMs),
        // A late one raises the epoch once more and fences us, which only costs time.
        { limitMs: Math.min(deliveryTimeoutMs, OPEN_LIMIT_MS), repeatable: true },
      );
      return new Producer(cluster, coordinators, identity, options, compressionOf(kafka));
    } catch (error) {
      await cluster.disconnect().catch(() => {});
      throw error;
    }
  }

  /** Something has failed, or may be carried out late. */
  readonly isSpent = () => this.#failure !== undefined;

  /**
   * Resolves when every record is acknowledged by its own partition. A transactional producer begins a
   * transaction, if none is open.
   *
   * @param topics names on the cluster; each message names its partition
   * @throws {ProducerError} this producer is spent; the records may have been written
   */
  send(topics: readonly TopicMessages[]): Promise<void> {
    return this.#exclusive(() => this.#send(topics));
  }

  async #send(topics: readonly TopicMessages[]): Promise<void> {
    const groups = byPartition(topics);
    if (groups.length === 0) return;
    await this.cluster.refreshMetadataIfNecessary().catch(() => {});
    const { signal } = this.#ending;
    await requirePartitions(this.cluster, groups, { signal });
    try {
      await this.#addPartitions(groups);
      await this.#deliver(groups);
    } catch (error) {
      // A topic that was deleted meanwhile gets a clear error.
      if (isAboutPartition(error)) {
        await requirePartitions(this.cluster, groups, { fresh: true, signal });
      }
      throw error;
    }
  }

  #deliver(groups: readonly PartitionMessages[]): Promise<void> {
    const { signal } = this.#ending;
    signal.throwIfAborted();
    const now = () => performance.now();
    const limits = { ...this.options, now, pause: (ms: number) => pause(ms, signal), signal };
    return deliver(groups.map((group) => this.#encode(group)), this.#leaders, limits);
  }

  /**
   * Sends what `parts` are, one after another, as `send`; and beside them adds a group's offsets to the
   * transaction, as `member` of it.
   *
   * @throws {ProducerError} what failed first: this producer is spent
   */
  sendWithOffsets(
    parts: Iterable<readonly TopicMessages[]>,
    group: string,
    offsets: readonly PartitionOffset[],
    member: MemberGeneration,
  ): Promise<void> {
    const sendAll = async () => {
      for (const part of parts) await this.#send(part);
    };
    const sides = [sendAll, () => this.#sendOffsets(group, offsets, member)];
    return this.#exclusive(() => sideBySide(sides, () => this.#ending.abort()));
  }

  async #sendOffsets(
    group: string,
    offsets: readonly PartitionOffset[],
    member: MemberGeneration,
  ): Promise<void> {
    const id = this.#transactionalId;
    this.#open = true;
    await this.#ask("transaction", id, addOffsetsToTxnRequest(id, this.identity, group));
    const commit = txnOffsetCommitRequest(id, this.identity, group, offsets, member);
    await this.#ask("group", group, commit);
  }

  /**
   * Commits the transaction, if one is open. It asks until there is an answer, as long as the transaction
   * may stay open: a coordinator that is killed may have decided what the next one knows nothing of, and
   * still write its markers (docs/transaction-errors.md). A late request would end the transaction after
   * this one, so that the producer is spent then, although this resolves.
   *
   * @throws {ProducerError} this producer is spent. After `DELIVERY_TIMEOUT` the transaction may have been
   * committed: the next owner of the transactional id finds out
   */
  commit(): Promise<void> {
    return this.#exclusive(async () => {
      if (!this.#open) return;
      // Before the request: after a commit was sent, an abort never follows.
      this.#open = false;
      const id = this.#transactionalId;
      const { transactionTimeoutMs = 0, deliveryTimeoutMs, onLateCommit } = this.options;
      try {
        await this.coordinators.ask("transaction", id, endTxnRequest(id, this.identity, true), {
          limitMs: Math.max(transactionTimeoutMs, deliveryTimeoutMs),
          repeatable: true,
          late: { afterMs: deliveryTimeoutMs, tell: (error) => onLateCommit?.(error) },
          onUnanswered: (error) => this.#failure = error,
          signal: this.#ending.signal,
        });
      } finally {
        onLateCommit?.(undefined);
      }
      this.#inTransaction.clear();
    });
  }

  /**
   * How many partitions a topic has.
   *
   * @throws an error of kafkajs: no such topic, or no broker answers
   */
  async partitionsOf(topic: string): Promise<number> {
    await this.cluster.addMultipleTargetTopics([topic]);
    await this.cluster.refreshMetadataIfNecessary();
    return this.cluster.findTopicPartitionMetadata(topic).length;
  }

  /**
   * Closes the connections; calls at work give up. An open transaction is aborted if none of its requests
   * may still be on its way: a batch after the abort would hang in the log. Otherwise its time-out ends
   * it, or the next owner of the transactional id.
   */
  async close(): Promise<void> {
    this.#failure ??= new TypeError("the producer is closed");
    this.#ending.abort(this.#failure);
    if (this.#open && !this.#unanswered && !this.#busy) {
      const id = this.#transactionalId;
      const abort = endTxnRequest(id, this.identity, false);
      await this.coordinators.ask("transaction", id, abort, ABORT).catch(() => {});
    }
    await settlesWithin(this.cluster.disconnect(), CLOSE_LIMIT_MS);
  }

  /** One thing at a time, and nothing more after a failure. */
  async #exclusive(work: () => Promise<void>): Promise<void> {
    if (this.#busy) throw new TypeError("a producer does one thing at a time");
    if (this.isSpent()) throw this.#failure;
    this.#busy = true;
    try {
      await work();
    } catch (error) {
      this.#failure = error;
      throw error;
    } finally {
      this.#busy = false;
    }
  }

  get #transactionalId(): string {
    const { transactionalId } = this.options;
    if (transactionalId === undefined) throw new TypeError("a producer without transactional id");
    return transactionalId;
  }

  async #ask(
    type: Parameters<Coordinators["ask"]>[0],
    key: string,
    request: Parameters<Coordinators["ask"]>[2],
  ): Promise<void> {
    const limitMs = this.options.deliveryTimeoutMs;
    const { signal } = this.#ending;
    signal.throwIfAborted();
    try {
      await this.coordinators.ask(type, key, request, { limitMs, repeatable: false, signal });
    } catch (error) {
      if ((error as ProducerError).type === "NO_ANSWER") this.#unanswered = true;
      throw error;
    }
  }

  /** A partition has to be added to the transaction before the first write to it. */
  async #addPartitions(groups: readonly TopicPartition[]): Promise<void> {
    const id = this.options.transactionalId;
    const keyOf = ({ topic, partition }: TopicPartition) => `${topic}/${partition}`;
    const added = groups.filter((group) => !this.#inTransaction.has(keyOf(group)));
    if (id === undefined || added.length === 0) return;
    this.#open = true;
    for (const group of added) this.#inTransaction.add(keyOf(group));
    await this.#ask("transaction", id, addPartitionsToTxnRequest(id, this.identity, added));
  }

  #encode({ topic, partition, messages }: PartitionMessages): PartitionBatch {
    const now = Date.now();
    const bytes = encodeRecordBatch({
      ...this.identity,
      records: messages,
      firstTimestamp: now,
      maxTimestamp: now,
      // Used once, even if the batch fails: a gap is noticed, a number used twice is not.
      firstSequence: this.#sequences.next(topic, partition, messages.length),
      transactional: this.options.transactionalId !== undefined,
      compression: this.compression,
    });
    return { topic, partition, bytes };
  }
}
