/** What a member of a consumer group is, in Kafka's words, whatever client it uses. */
import type { Logger } from "../../runtime/log.ts";
import type { Topic } from "../../topology.ts";
import type { KafkaAccess } from "../access.ts";
import type { DecodedRecord } from "../protocol/record.ts";
import type { MemberGeneration, PartitionOffset, TopicPartition } from "../protocol/requests.ts";
import type { Assignment } from "./assigner.ts";

export interface MemberOptions {
  readonly access: KafkaAccess;
  readonly group: string;
  /** What it reads, by the topics' names on the cluster. */
  readonly topics: ReadonlyMap<string, Topic>;
  /** How long the group waits for a member that says nothing. */
  readonly sessionTimeoutMs: number;
  /**
   * What one fetch brings at most, decompressed, so that memory stays bounded; and how long it waits for
   * how much, as it is in the log.
   */
  readonly fetch: {
    readonly maxBytes: number;
    readonly maxBytesPerPartition: number;
    readonly minBytes: number;
    readonly maxWaitTimeInMs: number;
  };
  /** Batches in hand at once, each of another partition (default: 1). */
  readonly concurrency?: number;
  /** How old what is known of the topics may become (default: METADATA_MAX_AGE_MS). */
  readonly metadataMaxAgeMs?: number | undefined;
  /** How long a stop may take before it is given up. */
  readonly drainTimeoutMs: number;
  readonly log: Logger;
}

/** Why a member ended by itself. */
export interface Crash {
  readonly error: unknown;
  /** A bug of ours: the process should end. */
  readonly fatal: boolean;
}

/** What one fetch brought of one partition. */
export interface FetchedBatch extends TopicPartition {
  /** The offset that was asked for. */
  readonly fetchedOffset: string;
  /** In the order of their offsets, without control records and those of aborted transactions. */
  readonly messages: readonly DecodedRecord[];
  /** Control records included. */
  readonly rawMessages: readonly DecodedRecord[];
  /** Of all that was fetched, control records included. */
  lastOffset(): string;
  /** Whether there was more to fetch behind it. */
  readonly hasMore: boolean;
  /** The size of its records, decompressed, as far as it is known. */
  readonly bytes: number;
}

/** A batch that a member is handed. */
export interface BatchInHand {
  readonly batch: FetchedBatch;
  /** What is fetched next is behind this offset. */
  resolveOffset(offset: number | string): void;
  /** @throws the group rebalances, or gave this member up */
  heartbeat(): Promise<void>;
  isRunning(): boolean;
  /** Whether the consumer was told meanwhile to read somewhere else. */
  isStale(): boolean;
}

/** What a consumer tells of its positions, beside the batches that it hands over. */
export interface PositionEvents {
  /** Between these offsets are control records, or aborted ones, alone: no batch is handed over. */
  readonly onNothing?: (place: TopicPartition, from: number, to: number) => void;
  /**
   * A topic may have gone and come back since the fetch before: one failed, or was long ago. Told before
   * the batches of this one are handed over.
   */
  readonly onDoubt: () => void;
  /** The partition's log does not have the offset. */
  readonly onOutOfRange: (place: PartitionOffset) => void;
}

export interface MemberEvents {
  /** It joined the group, and was given these partitions, in this generation. */
  readonly onAssigned: (assignment: Assignment, generation: MemberGeneration) => void;
  /** Nothing more is fetched from that broker until it resolves. */
  readonly onBatch: (inHand: BatchInHand) => Promise<void>;
  /** Before it joins the group anew: finishes what is in hand. */
  readonly onRejoin?: () => Promise<void>;
  /** `notReady` may have changed. */
  readonly onState: () => void;
  /** Before it disconnects: finishes what is in hand. */
  readonly onStop: () => Promise<void>;
}

/**
 * @param name on the cluster
 * @throws {TypeError} the member does not read it
 */
export function topicNamed({ topics }: Pick<MemberOptions, "topics">, name: string): Topic {
  const topic = topics.get(name);
  if (topic === undefined) throw new TypeError(`read from a topic not subscribed to: ${name}`);
  return topic;
}

export interface Member {
  readonly group: string;
  /** Why it is no working member, of what it knows itself; undefined while it knows nothing. */
  readonly notReady: string | undefined;
  /** @param name on the cluster */
  topicOf(name: string): Topic;
  /** Ends it; only the first reason counts. */
  crash(crash: Crash): void;
  /** Runs until `signal` aborts (undefined), or it crashes. */
  run(signal: AbortSignal, events: MemberEvents): Promise<Crash | undefined>;
  /** @param maxFetchGapMs between two fetches from a leader, without a doubt */
  watchPositions(maxFetchGapMs: number, events: PositionEvents): void;
  onRebalancing(listener: () => void): void;
  /**
   * Sends heartbeats until `work` has ended: while a batch is in hand none is sent otherwise.
   *
   * @param onLost told that the group rebalances, or gave this member up: a heartbeat's answer says so
   */
  keepAlive(
    inHand: BatchInHand,
    work: () => Promise<void>,
    onLost: (error: unknown) => void,
  ): Promise<void>;
  // A member that has crashed is about to end, and ignores these.
  seek(place: TopicPartition, offset: number): void;
  pause(place: TopicPartition): void;
  resume(place: TopicPartition): void;
  /** Ends the fetching, and leaves the group; resolves when no batch is in hand. */
  stop(): Promise<void>;
}
