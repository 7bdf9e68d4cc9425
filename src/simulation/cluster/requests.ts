/**
 * What a client asks the simulated Kafka, and what it is answered: the fields of Kafka's requests without
 * their bytes. Answers have the shape that our parsers of the real ones give.
 */
import type {
  CodeAnswer,
  FetchedOffsets,
  MemberGeneration,
  PartitionBatch,
  PartitionCode,
  ProducerIdentity,
  TopicPartition,
} from "../../kafka/protocol/requests.ts";
import type { TopicIds } from "../../kafka/log_watch/log_states.ts";
import type { DecodedRecord } from "../../kafka/protocol/record.ts";

export type {
  CodeAnswer,
  FetchedOffsets,
  MemberGeneration,
  PartitionBatch,
  PartitionCode,
  ProducerIdentity,
  TopicPartition,
};

/** As much of a clock as the cluster needs. */
export interface Clock {
  /** Milliseconds of virtual time. */
  readonly now: number;
  /** @returns cancels it */
  at(afterMs: number, callback: () => void): () => void;
}

/** The connection was refused: the request was not carried out. */
export class Unreachable extends Error {
  override readonly name = "Unreachable";
}

/** The connection closed before the answer: the request may have been carried out. */
export class Disconnected extends Error {
  override readonly name = "Disconnected";
}

export interface OffsetToCommit extends TopicPartition {
  readonly offset: number;
}

/** Record batches of one append, as they stand in the log. The same objects at each fetch. */
export interface StoredBatch {
  readonly firstOffset: number;
  readonly lastOffset: number;
  /** Of the leader that wrote it. */
  readonly leaderEpoch: number;
  readonly producerId: bigint;
  readonly producerEpoch: number;
  /** Of its first record; -1 where there is no idempotent producer, and of markers. */
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly transactional: boolean;
  /** A marker at the end of a transaction. */
  readonly control: "commit" | "abort" | null;
  /** Of the transaction coordinator that wrote a marker; else -1. */
  readonly coordinatorEpoch: number;
  readonly sizeBytes: number;
  /** In the shape that kafkajs has them; a marker is one, too. */
  readonly records: readonly DecodedRecord[];
}

export interface MemberMetadata {
  readonly memberId: string;
  readonly metadata: unknown;
}

interface Transactional extends ProducerIdentity {
  readonly transactionalId: string;
}

/** By the API's name: what is asked, and what is answered. */
export interface Exchanges {
  Metadata: {
    ask: { readonly topics: readonly string[] };
    answer: MetadataAnswer;
  };
  FindCoordinator: {
    ask: { readonly type: "group" | "transaction"; readonly key: string };
    /** The node is -1 where there is none. */
    answer: { readonly code: number; readonly node: number };
  };
  Produce: {
    ask: {
      readonly transactionalId: string | null;
      readonly batches: readonly PartitionBatch[];
      /** How long the leader waits for its replicas (default: 30,000). */
      readonly timeoutMs?: number;
    };
    answer: readonly PartitionCode[];
  };
  /** Committed records only. */
  Fetch: {
    ask: {
      readonly partitions: readonly OffsetToCommit[];
      readonly maxWaitMs: number;
      /** How long it waits for more when there is something (default: 0). */
      readonly gatherMs?: number;
      readonly maxBytesPerPartition: number;
    };
    answer: readonly FetchedPartition[];
  };
  ListOffsets: {
    /** `end`: the high watermark, as our clients ask for it: also behind open transactions. */
    ask: { readonly partitions: readonly TopicPartition[]; readonly at: "first" | "end" };
    answer: readonly (PartitionCode & { readonly offset: number })[];
  };
  OffsetForLeaderEpoch: {
    ask: TopicPartition & {
      readonly leaderEpoch: number;
      /** The newest that the client knows of; -1: none. */
      readonly currentEpoch: number;
    };
    /** The end is -1 where the leader has never heard of the epoch. */
    answer: { readonly codes: readonly number[]; readonly end: number };
  };
  InitProducerId: {
    ask: { readonly transactionalId: string | null; readonly transactionTimeoutMs: number };
    answer: CodeAnswer & ProducerIdentity;
  };
  AddPartitionsToTxn: {
    ask: Transactional & { readonly partitions: readonly TopicPartition[] };
    answer: CodeAnswer;
  };
  AddOffsetsToTxn: { ask: Transactional & { readonly group: string }; answer: CodeAnswer };
  TxnOffsetCommit: {
    /** Generation -1 and member "": any producer's. */
    ask: Transactional & MemberGeneration & {
      readonly group: string;
      readonly offsets: readonly OffsetToCommit[];
    };
    answer: CodeAnswer;
  };
  EndTxn: { ask: Transactional & { readonly commit: boolean }; answer: CodeAnswer };
  OffsetFetch: {
    ask: {
      readonly group: string;
      readonly partitions: readonly TopicPartition[];
      readonly requireStable: boolean;
    };
    answer: FetchedOffsets;
  };
  OffsetCommit: {
    ask: {
      readonly group: string;
      /** -1, and the member "": from outside the group. */
      readonly generation: number;
      readonly memberId: string;
      readonly offsets: readonly OffsetToCommit[];
    };
    answer: CodeAnswer;
  };
  JoinGroup: {
    ask: {
      readonly group: string;
      /** "" at first: the coordinator gives it a name. */
      readonly memberId: string;
      readonly sessionTimeoutMs: number;
      readonly rebalanceTimeoutMs: number;
      /** Two are the same when they are the same string, or the same as JSON. */
      readonly metadata: unknown;
    };
    answer: {
      readonly code: number;
      readonly generation: number;
      readonly leaderId: string;
      readonly memberId: string;
      /** For the leader; for others none. */
      readonly members: readonly MemberMetadata[];
    };
  };
  SyncGroup: {
    ask: {
      readonly group: string;
      readonly generation: number;
      readonly memberId: string;
      /** From the leader. */
      readonly assignments: readonly { readonly memberId: string; readonly assignment: unknown }[];
    };
    /** Undefined where the leader has none for this member. */
    answer: { readonly code: number; readonly assignment: unknown };
  };
  Heartbeat: {
    ask: { readonly group: string; readonly generation: number; readonly memberId: string };
    answer: { readonly code: number };
  };
  DescribeGroups: {
    ask: { readonly group: string };
    answer: CodeAnswer & { readonly members: readonly string[] };
  };
  LeaveGroup: {
    ask: { readonly group: string; readonly memberId: string };
    answer: { readonly code: number };
  };
}

export type Api = keyof Exchanges;
export type RequestOf<A extends Api> = { readonly api: A } & Exchanges[A]["ask"];
export type Request = { [A in Api]: RequestOf<A> }[Api];
export type AnswerOf<R extends Request> = Exchanges[R["api"]]["answer"];

/** As the broker that was asked knows it, which may be out of date. */
export interface MetadataAnswer {
  readonly clusterId: string;
  /** Those that the controller takes for alive. */
  readonly brokers: readonly number[];
  readonly topics: readonly (TopicIds & { readonly code: number })[];
}

export interface FetchedPartition extends PartitionCode {
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  readonly logStart: number;
  readonly batches: readonly StoredBatch[];
  /** Of the records in the batches, and perhaps of some before them. */
  readonly aborted: readonly { readonly producerId: string; readonly firstOffset: string }[];
}

/** As a reader of committed records gets it. */
export interface CommittedRecord {
  readonly partition: number;
  readonly offset: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: Readonly<Record<string, string>>;
  /** Epoch milliseconds. */
  readonly timestamp: number;
  /** -1: none. */
  readonly producerId: number;
}

/** As much of seeded random numbers as the cluster needs. */
export interface Chance {
  /** From 0 to 1, 1 excluded. */
  next(): number;
  /** A whole number from 0 to `n`, `n` excluded. */
  int(n: number): number;
  between(min: number, max: number): number;
  pick<T>(list: readonly T[]): T;
  /** Numbers of its own: what is drawn there changes nothing here. */
  fork(name: string): Chance;
}
