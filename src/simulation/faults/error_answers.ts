/** Which error codes Kafka may answer to which request, beside those that the simulated cluster finds itself. */
import { ERRORS } from "../../kafka/client/error_codes.ts";
import type { Api } from "../cluster/requests.ts";

export interface ErrorAnswer {
  readonly name: string;
  readonly code: number;
  /** Whether the request may have been carried out when it is answered so. */
  readonly carriedOut: "no" | "yes" | "perhaps";
}

/** Those that no transaction meets, and so stand in no table of ours. */
const OTHERS = { OFFSET_NOT_AVAILABLE: 78 } as const;

type Name = keyof typeof ERRORS | keyof typeof OTHERS;

/** A failed append may be in the log; so may be what the coordinator could not replicate in time. */
const PERHAPS: readonly Name[] = [
  "UNKNOWN_SERVER_ERROR",
  "REQUEST_TIMED_OUT",
  "COORDINATOR_NOT_AVAILABLE",
  "NOT_COORDINATOR",
  "NOT_LEADER_OR_FOLLOWER",
  "NETWORK_EXCEPTION",
];
const CARRIED_OUT: readonly Name[] = ["NOT_ENOUGH_REPLICAS_AFTER_APPEND"];

const COORDINATOR: readonly Name[] = ["COORDINATOR_NOT_AVAILABLE", "NOT_COORDINATOR"];
const LOADING: readonly Name[] = [...COORDINATOR, "COORDINATOR_LOAD_IN_PROGRESS"];
const LEADER: readonly Name[] = [
  "NOT_LEADER_OR_FOLLOWER",
  "FENCED_LEADER_EPOCH",
  "UNKNOWN_LEADER_EPOCH",
  "UNKNOWN_TOPIC_OR_PARTITION",
];
const TRANSACTION: readonly Name[] = [
  ...LOADING,
  "CONCURRENT_TRANSACTIONS",
  "INVALID_PRODUCER_EPOCH",
  "PRODUCER_FENCED",
  "UNKNOWN_SERVER_ERROR",
  "TRANSACTIONAL_ID_AUTHORIZATION_FAILED",
];

const NAMES: Readonly<Record<Api, readonly Name[]>> = {
  Metadata: ["LEADER_NOT_AVAILABLE", "UNKNOWN_TOPIC_OR_PARTITION"],
  FindCoordinator: ["COORDINATOR_NOT_AVAILABLE", "UNKNOWN_SERVER_ERROR"],
  Produce: [
    ...LEADER,
    "CORRUPT_MESSAGE",
    "LEADER_NOT_AVAILABLE",
    "REQUEST_TIMED_OUT",
    "REPLICA_NOT_AVAILABLE",
    "NETWORK_EXCEPTION",
    "NOT_ENOUGH_REPLICAS",
    "NOT_ENOUGH_REPLICAS_AFTER_APPEND",
    "KAFKA_STORAGE_ERROR",
    "UNKNOWN_SERVER_ERROR",
    "OUT_OF_ORDER_SEQUENCE_NUMBER",
    "INVALID_PRODUCER_EPOCH",
    "INVALID_TXN_STATE",
    "UNKNOWN_PRODUCER_ID",
    "TRANSACTION_ABORTABLE",
    "TOPIC_AUTHORIZATION_FAILED",
  ],
  Fetch: [...LEADER, "OFFSET_NOT_AVAILABLE", "KAFKA_STORAGE_ERROR", "UNKNOWN_SERVER_ERROR"],
  ListOffsets: [...LEADER, "LEADER_NOT_AVAILABLE", "OFFSET_NOT_AVAILABLE"],
  OffsetForLeaderEpoch: LEADER,
  InitProducerId: [...TRANSACTION, "REQUEST_TIMED_OUT"],
  AddPartitionsToTxn: [...TRANSACTION, "INVALID_PRODUCER_ID_MAPPING"],
  AddOffsetsToTxn: [...TRANSACTION, "INVALID_PRODUCER_ID_MAPPING"],
  TxnOffsetCommit: [
    ...LOADING,
    "UNKNOWN_TOPIC_OR_PARTITION",
    "ILLEGAL_GENERATION",
    "UNKNOWN_MEMBER_ID",
    "INVALID_PRODUCER_EPOCH",
    "INVALID_TXN_STATE",
    "TRANSACTION_ABORTABLE",
    "UNKNOWN_SERVER_ERROR",
    "GROUP_AUTHORIZATION_FAILED",
  ],
  EndTxn: [...TRANSACTION, "INVALID_TXN_STATE"],
  OffsetFetch: [...LOADING, "UNSTABLE_OFFSET_COMMIT", "UNKNOWN_SERVER_ERROR"],
  OffsetCommit: [
    ...COORDINATOR,
    "ILLEGAL_GENERATION",
    "UNKNOWN_MEMBER_ID",
    "REBALANCE_IN_PROGRESS",
  ],
  JoinGroup: [...LOADING, "UNKNOWN_MEMBER_ID"],
  SyncGroup: [...COORDINATOR, "ILLEGAL_GENERATION", "UNKNOWN_MEMBER_ID", "REBALANCE_IN_PROGRESS"],
  Heartbeat: [...COORDINATOR, "ILLEGAL_GENERATION", "UNKNOWN_MEMBER_ID", "REBALANCE_IN_PROGRESS"],
  DescribeGroups: LOADING,
  LeaveGroup: [...COORDINATOR, "UNKNOWN_MEMBER_ID"],
};

const CODES: Readonly<Record<string, number>> = {
  ...Object.fromEntries(Object.entries(ERRORS).map(([name, { code }]) => [name, code])),
  ...OTHERS,
};

export const ERROR_ANSWERS: ReadonlyMap<Api, readonly ErrorAnswer[]> = new Map(
  Object.entries(NAMES).map(([api, names]) => [
    api as Api,
    names.map((name) => ({
      name,
      code: CODES[name]!,
      carriedOut: carriedOut(api as Api, name),
    })),
  ]),
);

function carriedOut(api: Api, name: Name): ErrorAnswer["carriedOut"] {
  if (CARRIED_OUT.includes(name)) return "yes";
  // A fenced or unknown member's request is never carried out, nor one to a broker that leads no more:
  // only a coordinator that loses its place while it replicates answers so afterwards.
  if (name === "NOT_LEADER_OR_FOLLOWER") return api === "Produce" ? "perhaps" : "no";
  return PERHAPS.includes(name) ? "perhaps" : "no";
}
