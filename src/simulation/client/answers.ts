/** Answers as far as the network looks into them: the codes in them, and refusals in their shape. */
import { ERRORS } from "../../kafka/client/error_codes.ts";
import type { AnswerOf, Api, PartitionCode, Request, TopicPartition } from "../cluster/requests.ts";
import { refusal } from "../../kafka/testing/kafkajs_parts.ts";

const NAMES = new Map(Object.entries(ERRORS).map(([name, { code }]) => [code, name]));

/** Kafka's name for an error code. */
export function nameOfCode(code: number): string {
  return NAMES.get(code) ?? refusal(code).type ?? String(code);
}

interface Coded {
  readonly code: number;
}

/** Calls `tell` once with each error code of an answer. */
export function eachCode(answer: unknown, tell: (code: number) => void): void {
  const { code = 0, codes = [], partitions = [], topics = [] } = answer as {
    code?: number;
    codes?: readonly number[];
    partitions?: readonly Coded[];
    topics?: readonly Coded[];
  };
  // Most answers have none: then nothing is made for them.
  const found: number[] = [];
  if (code !== 0) found.push(code);
  for (const each of codes) if (each !== 0) found.push(each);
  for (const each of Array.isArray(answer) ? answer as Coded[] : partitions) {
    if (each.code !== 0) found.push(each.code);
  }
  for (const each of topics) if (each.code !== 0) found.push(each.code);
  if (found.length > 0) new Set(found).forEach((each) => tell(each));
}

function ofPartitions(partitions: readonly TopicPartition[], code: number): PartitionCode[] {
  return partitions.map(({ topic, partition }) => ({ topic, partition, code }));
}

function codeAnswer(partitions: readonly TopicPartition[], code: number) {
  const answers = ofPartitions(partitions, code);
  return { codes: answers.map((each) => each.code), partitions: answers };
}

/** What a broker answers that does not carry out a request, whatever the API. */
export function refused<R extends Request>(request: R, code: number): AnswerOf<R> {
  return refusedAny(request, code) as AnswerOf<R>;
}

function refusedAny(request: Request, code: number): unknown {
  switch (request.api) {
    case "Metadata": {
      const topics = request.topics.map((name) => ({ code, name, id: "", partitions: [] }));
      return { clusterId: "", brokers: [], topics };
    }
    case "FindCoordinator":
      return { code, node: -1 };
    case "Produce":
      return ofPartitions(request.batches, code);
    case "Fetch":
      return ofPartitions(request.partitions, code).map((each) => ({
        ...each,
        ...NOTHING_FETCHED,
      }));
    case "ListOffsets":
      return ofPartitions(request.partitions, code).map((each) => ({ ...each, offset: -1 }));
    case "OffsetForLeaderEpoch":
      return { codes: [code], end: -1 };
    case "InitProducerId":
      return { codes: [code], producerId: -1n, producerEpoch: -1 };
    case "AddPartitionsToTxn":
      return codeAnswer(request.partitions, code);
    case "TxnOffsetCommit":
    case "OffsetCommit":
      return codeAnswer(request.offsets, code);
    case "AddOffsetsToTxn":
    case "EndTxn":
      return { codes: [code] };
    case "OffsetFetch":
      if (code !== ERRORS.UNSTABLE_OFFSET_COMMIT.code) return { codes: [code], partitions: [] };
      // The only one that is a partition's.
      return {
        codes: [0],
        partitions: ofPartitions(request.partitions, code).map((each) => ({ ...each, offset: -1 })),
      };
    case "DescribeGroups":
      return { codes: [code], members: [] };
    case "JoinGroup":
      return { code, generation: -1, leaderId: "", memberId: request.memberId, members: [] };
    case "SyncGroup":
      return { code, assignment: undefined };
    case "Heartbeat":
    case "LeaveGroup":
      return { code };
  }
}

const NOTHING_FETCHED = {
  highWatermark: -1,
  lastStableOffset: -1,
  logStart: -1,
  batches: [],
  aborted: [],
};

const OF_LOADING = [14, 15, 16];

/**
 * Codes that Kafka may answer to a request that it has not carried out, whatever the client did
 * (docs/transaction-errors.md).
 */
export const REFUSALS: Readonly<Record<Api, readonly number[]>> = {
  Metadata: [],
  FindCoordinator: [15],
  Produce: [2, 3, 5, 6, 9, 13, 19, 56, 74, 75],
  Fetch: [6, 9, 56],
  ListOffsets: [3, 5, 6, 9, 56],
  OffsetForLeaderEpoch: [6, 75],
  InitProducerId: [7, 51, ...OF_LOADING],
  AddPartitionsToTxn: [51, ...OF_LOADING],
  AddOffsetsToTxn: [51, ...OF_LOADING],
  TxnOffsetCommit: [7, ...OF_LOADING],
  EndTxn: [51, ...OF_LOADING],
  OffsetFetch: [88, ...OF_LOADING],
  OffsetCommit: OF_LOADING,
  DescribeGroups: OF_LOADING,
  JoinGroup: OF_LOADING,
  SyncGroup: [27, ...OF_LOADING],
  Heartbeat: [27, ...OF_LOADING],
  LeaveGroup: OF_LOADING,
};

/** Codes of a request that Kafka may have carried out all the same. */
export const UNSURE: Readonly<Partial<Record<Api, readonly number[]>>> = {
  Produce: [-1, 7, 20],
  InitProducerId: [-1, 7],
  AddPartitionsToTxn: [-1],
  AddOffsetsToTxn: [-1],
  TxnOffsetCommit: [-1, 7],
  EndTxn: [-1],
  OffsetCommit: [-1, 7],
};
