/**
 * A producer: idempotent, and with a transactional id also transactional. One small state machine:
 *
 *   InitProducerId ─▶ ready ─ AddPartitionsToTxn, Produce ───────▶ in transaction ─ EndTxn ─▶ ready …
 *                          └─ AddOffsetsToTxn, TxnOffsetCommit ─▶┘
 *   whatever fails ─▶ spent
 *
 * A spent producer is not mended: another one with the same transactional id fences it, and ends what
 * it left open. That one mechanism is also the answer to a commit without an answer: whether it was
 * carried out, the next owner sees from the committed offset.
 *
 * Why a request to a coordinator is not repeated when no answer came: it may still be on its way, be
 * carried out later, and belong to the next transaction then, for that has the same epoch. A new
 * InitProducerId raises the epoch, and fences it. A Produce request is repeated: its sequence numbers
 * tell the broker which batch it is.
 *
 * It knows nothing of what it writes for: one input partition, or a whole member.
 */
import type { Kafka, TopicMessages } from "kafkajs";
import type { Compression } from "../access.ts";
import { pause, settlesWithin } from "../../runtime/shutdown.ts";
import { compressionOf } from "../client/client.ts";
import { encodeRecordBatch } from "../protocol/encode.ts";
import { type Cluster, createCluster } from "../client/cluster.ts";
import { createLeaders, type Leaders } from "./leaders.ts";
import { type Coordinators, createCoordinators } from "../client/coordinator.ts";
import { createSequences, deliver } from "./delivery.ts";
import { noAnswer, type ProducerError } from "../client/error_codes.ts";
import {
  byPartition,
  isAboutPartition,
  type PartitionMessages,
  requirePartitions,
} from "./destinations.ts";
import {
  addOffsetsToTxnRequest,
  addPartitionsToTxnRequest,
  endTxnRequest,
  initProducerIdRequest,
  type PartitionBatch,
  type ProducerIdentity,
  type TopicPartition,
  txnOffsetCommitRequest,
} from "../protocol/requests.ts";

export interface ProducerOptions {
  /** Absent: idempotent, without transactions. */
  readonly transactionalId?: string;
  /** How long the cluster lets a transaction stay open, milliseconds. */
  readonly transactionTimeoutMs?: number;
  /** How long a request may take with all its repetitions, milliseconds. */
  readonly deliveryTimeoutMs: number;
  /** Told once for each `send` that takes some seconds, and why. */
  readonly onDelay?: ((error: ProducerError) => void) | undefined;
}

/** Of each input partition the next offset to process. */
export type GroupOffsets = readonly (TopicPartition & { readonly offset: number })[];

/** Nothing was handed in yet that would be given up. */
const OPEN_LIMIT_MS = 15_000;
/** For people's patience only: what is not aborted ends with its time-out, or the next owner. */
const ABORT_LIMIT_MS = 1_000;
const CLOSE_LIMIT_MS = 3_000;

export class Producer {
  /** Whether a transaction has begun, as far as we know. */
  #open = false;
  /** What made this producer spent. */
  #failure: unknown;
  #busy = false;
  /** Some request got no answer, and may be carried out at any time. */
  #unanswered = false;
  readonly #closing = new AbortController();
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
    const { transactionalId = null } = options;
    this.#leaders = createLeaders(cluster, transactionalId, () => this.#unanswered = true);
  }

  /**
   * Takes the transactional id, if there is one: whoever had it before is fenced, and what was left
   * open is ended, when this resolves.
   *
   * @throws {ProducerError} no broker answers, or they refuse
   */
  static async open(kafka: Kafka, options: ProducerOptions): Promise<Producer> {
    const { transactionalId, transactionTimeoutMs = 0, deliveryTimeoutMs } = options;
    const cluster: Cluster = createCluster(kafka);
    const coordinators = createCoordinators(cluster);
    try {
      await connect(cluster);
      const identity = await coordinators.ask(
        transactionalId === undefined ? "any" : "transaction",
        transactionalId ?? "",
        initProducerIdRequest(transactionalId ?? null, transactionTimeoutMs),
        // A late one raises the epoch once more, which fences us: that costs time alone.
        { limitMs: Math.min(deliveryTimeoutMs, OPEN_LIMIT_MS), repeatable: true },
      );
      return new Producer(cluster, coordinators, identity, options, compressionOf(kafka));
    } catch (error) {
      await cluster.disconnect().catch(() => {});
      throw error;
    }
  }

  /**
   * Resolves when every record is acknowledged by its own partition; begins a transaction, if this
   * producer has them and none is open.
   *
   * @param topics names on the cluster; each message says its partition
   * @throws {ProducerError} what became of the records is not known, and this producer is spent
   */
  send(topics: readonly TopicMessages[]): Promise<void> {
    return this.#exclusive(async () => {
      const groups = byPartition(topics);
      if (groups.length === 0) return;
      await this.cluster.refreshMetadataIfNecessary().catch(() => {});
      const { signal } = this.#closing;
      await requirePartitions(this.cluster, groups, { signal });
      try {
        await this.#addPartitions(groups);
        await this.#deliver(groups);
      } catch (error) {
        // One that was deleted since we last looked: that is said in words.
        if (isAboutPartition(error)) {
          await requirePartitions(this.cluster, groups, { fresh: true, signal });
        }
        throw error;
      }
    });
  }

  #deliver(groups: readonly PartitionMessages[]): Promise<void> {
    const { signal } = this.#closing;
    return deliver(groups.map((group) => this.#encode(group)), this.#leaders, {
      deliveryTimeoutMs: this.options.deliveryTimeoutMs,
      now: () => performance.now(),
      pause: (ms) => pause(ms, signal),
      signal,
      onDelay: this.options.onDelay,
    });
  }

  /**
   * Adds a group's offsets to the transaction; begins one, if none is open.
   *
   * @throws {ProducerError} this producer is spent
   */
  sendOffsets(group: string, offsets: GroupOffsets): Promise<void> {
    return this.#exclusive(async () => {
      const id = this.#transactionalId;
      this.#open = true;
      await this.#ask("transaction", id, addOffsetsToTxnRequest(id, this.identity, group));
      await this.#ask("group", group, txnOffsetCommitRequest(id, this.identity, group, offsets));
    });
  }

  /**
   * Commits the transaction; without one there is nothing to do.
   *
   * @throws {ProducerError} this producer is spent. After `NO_ANSWER` the transaction may be committed
   * all the same: the next owner of the transactional id sees
   */
  commit(): Promise<void> {
    return this.#exclusive(async () => {
      if (!this.#open) return;
      // First: what was told to commit is never told to abort, whatever comes of it.
      this.#open = false;
      await this.#endTransaction(true, this.options.deliveryTimeoutMs);
      this.#inTransaction.clear();
    });
  }

  /**
   * How many partitions a topic has.
   *
   * @throws what kafkajs throws: there is no such topic, or no broker answers
   */
  async partitionsOf(topic: string): Promise<number> {
    await this.cluster.addMultipleTargetTopics([topic]);
    await this.cluster.refreshMetadataIfNecessary();
    return this.cluster.findTopicPartitionMetadata(topic).length;
  }

  /**
   * Lets go of the connections; what is at work gives up. An open transaction is aborted, if nothing of
   * it may still be on its way: a batch that comes after the abort would hang in the log. Else its
   * time-out ends it, or the next owner of the transactional id.
   */
  async close(): Promise<void> {
    this.#closing.abort();
    if (this.#open && !this.#unanswered && !this.#busy) {
      await this.#endTransaction(false, ABORT_LIMIT_MS).catch(() => {});
    }
    this.#failure ??= new TypeError("the producer is closed");
    await settlesWithin(this.cluster.disconnect(), CLOSE_LIMIT_MS);
  }

  async #endTransaction(commit: boolean, limitMs: number): Promise<void> {
    const id = this.#transactionalId;
    await this.#ask("transaction", id, endTxnRequest(id, this.identity, commit), limitMs);
  }

  /** One thing at a time, and nothing more after a failure. */
  async #exclusive(work: () => Promise<void>): Promise<void> {
    if (this.#busy) throw new TypeError("a producer does one thing at a time");
    if (this.#failure !== undefined) throw this.#failure;
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
    limitMs = this.options.deliveryTimeoutMs,
  ): Promise<void> {
    try {
      const { signal } = this.#closing;
      await this.coordinators.ask(type, key, request, { limitMs, repeatable: false, signal });
    } catch (error) {
      if ((error as ProducerError).type === "NO_ANSWER") this.#unanswered = true;
      throw error;
    }
  }

  /** Before anything is written to a partition, the transaction must know of it. */
  async #addPartitions(groups: readonly TopicPartition[]): Promise<void> {
    const id = this.options.transactionalId;
    const added = groups.filter((group) => !this.#inTransaction.has(keyOf(group)));
    if (id === undefined || added.length === 0) return;
    this.#open = true;
    for (const partition of added) this.#inTransaction.add(keyOf(partition));
    await this.#ask("transaction", id, addPartitionsToTxnRequest(id, this.identity, added));
  }

  #encode({ topic, partition, messages }: PartitionMessages): PartitionBatch {
    const now = Date.now();
    const bytes = encodeRecordBatch({
      ...this.identity,
      records: messages.map(({ key, value, headers }, offsetDelta) => ({
        key,
        value,
        headers,
        offsetDelta,
        timestampDelta: 0,
      })),
      firstTimestamp: now,
      maxTimestamp: now,
      // Handed out once, whatever becomes of the batch: a gap is noticed, a number used twice is not.
      firstSequence: this.#sequences.next(topic, partition, messages.length),
      transactional: this.options.transactionalId !== undefined,
      compression: this.compression,
    });
    return { topic, partition, bytes };
  }
}

/** What kafkajs makes of a cluster that is away, a TypeError now and then, is no bug of ours. */
async function connect(cluster: Cluster): Promise<void> {
  try {
    await cluster.connect();
    await cluster.refreshMetadata();
  } catch (error) {
    throw noAnswer("connecting to Kafka", error);
  }
}

function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`;
}
