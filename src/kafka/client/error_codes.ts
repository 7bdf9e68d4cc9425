/**
 * What Kafka's errors mean for a producer, and what it does about each. `docs/transaction-errors.md` has
 * the same table with the requests that each may answer; a test compares the two.
 *
 * Codes: https://kafka.apache.org/protocol#protocol_error_codes
 */

/**
 * - `success`: the request has been carried out;
 * - `repeat`: the same request again in a moment, after a look-up of its leader or coordinator;
 * - `fence`: the transaction is over. Another producer takes the transactional id, which fences this one
 *   and ends what it left open, and goes on from the committed offset;
 * - `lost`: the same, but the partitions are not ours any more: the group assigns them anew;
 * - `end`: the same, but repeating does not help: a person has to change something.
 */
type Remedy = "success" | "repeat" | "fence" | "lost" | "end";

interface Entry {
  readonly code: number;
  readonly remedy: Remedy;
  /** For log lines. */
  readonly meaning: string;
}

const entry = (code: number, remedy: Remedy, meaning: string): Entry => ({ code, remedy, meaning });

export const ERRORS = {
  CORRUPT_MESSAGE: entry(2, "repeat", "the batch was damaged on its way"),
  UNKNOWN_TOPIC_OR_PARTITION: entry(3, "repeat", "the broker does not have this partition"),
  LEADER_NOT_AVAILABLE: entry(5, "repeat", "the partition has no leader"),
  NOT_LEADER_OR_FOLLOWER: entry(6, "repeat", "another broker leads the partition"),
  REQUEST_TIMED_OUT: entry(7, "repeat", "the replicas did not answer the broker in time"),
  REPLICA_NOT_AVAILABLE: entry(9, "repeat", "the broker does not have this replica"),
  NETWORK_EXCEPTION: entry(13, "repeat", "a broker did not reach another one"),
  COORDINATOR_LOAD_IN_PROGRESS: entry(14, "repeat", "the coordinator is still loading"),
  COORDINATOR_NOT_AVAILABLE: entry(15, "repeat", "there is no coordinator"),
  NOT_COORDINATOR: entry(16, "repeat", "another broker is the coordinator"),
  NOT_ENOUGH_REPLICAS: entry(19, "repeat", "fewer replicas are in sync than min.insync.replicas"),
  NOT_ENOUGH_REPLICAS_AFTER_APPEND: entry(
    20,
    "repeat",
    "it is written, to fewer replicas than min.insync.replicas",
  ),
  CONCURRENT_TRANSACTIONS: entry(51, "repeat", "the last transaction is still being ended"),
  KAFKA_STORAGE_ERROR: entry(56, "repeat", "the broker's disk failed"),
  FENCED_LEADER_EPOCH: entry(74, "repeat", "the leader has changed since"),
  UNKNOWN_LEADER_EPOCH: entry(75, "repeat", "the broker does not know of the new leader yet"),
  UNSTABLE_OFFSET_COMMIT: entry(88, "repeat", "a transaction with this offset is being ended"),

  DUPLICATE_SEQUENCE_NUMBER: entry(46, "success", "the batch is there already"),

  UNKNOWN_SERVER_ERROR: entry(-1, "fence", "the broker failed, and does not say why"),
  ILLEGAL_GENERATION: entry(22, "lost", "the group has been assigned anew"),
  UNKNOWN_MEMBER_ID: entry(25, "lost", "the group has given this member up"),
  REBALANCE_IN_PROGRESS: entry(27, "lost", "the group is being assigned anew"),
  OUT_OF_ORDER_SEQUENCE_NUMBER: entry(
    45,
    "fence",
    "a batch before this one is missing in the log",
  ),
  INVALID_PRODUCER_EPOCH: entry(
    47,
    "fence",
    "another producer took the transactional id, or the transaction took TRANSACTION_TIMEOUT_MS",
  ),
  INVALID_TXN_STATE: entry(48, "fence", "there is no such transaction any more"),
  INVALID_PRODUCER_ID_MAPPING: entry(
    49,
    "fence",
    "the transactional id has another producer id",
  ),
  TRANSACTION_COORDINATOR_FENCED: entry(52, "fence", "there is a newer coordinator"),
  OPERATION_NOT_ATTEMPTED: entry(
    55,
    "fence",
    "another partition of the same request failed",
  ),
  UNKNOWN_PRODUCER_ID: entry(59, "fence", "the broker has forgotten this producer"),
  FENCED_INSTANCE_ID: entry(82, "lost", "another member has the same instance id"),
  PRODUCER_FENCED: entry(90, "fence", "another producer took the transactional id"),
  TRANSACTION_ABORTABLE: entry(120, "fence", "the transaction can only be aborted"),

  MESSAGE_TOO_LARGE: entry(
    10,
    "end",
    "a batch is larger than the topic's max.message.bytes: raise it, or lower a service's MAX_BATCH",
  ),
  INVALID_TOPIC_EXCEPTION: entry(17, "end", "the topic may not be written to"),
  RECORD_LIST_TOO_LARGE: entry(
    18,
    "end",
    "a batch is larger than the topic's segment.bytes: raise it, or lower a service's MAX_BATCH",
  ),
  INVALID_REQUIRED_ACKS: entry(21, "end", "the broker does not know acks=all"),
  TOPIC_AUTHORIZATION_FAILED: entry(29, "end", "no right to write to the topic"),
  GROUP_AUTHORIZATION_FAILED: entry(30, "end", "no right to read as the group"),
  CLUSTER_AUTHORIZATION_FAILED: entry(31, "end", "no right to write idempotently"),
  INVALID_TIMESTAMP: entry(32, "end", "a record's time is out of the topic's range"),
  UNSUPPORTED_VERSION: entry(35, "end", "the broker is too old or too new"),
  INVALID_REQUEST: entry(42, "end", "the broker does not understand the request"),
  UNSUPPORTED_FOR_MESSAGE_FORMAT: entry(43, "end", "the topic's message format is too old"),
  POLICY_VIOLATION: entry(44, "end", "the broker's policy forbids it"),
  INVALID_TRANSACTION_TIMEOUT: entry(
    50,
    "end",
    "TRANSACTION_TIMEOUT_MS is more than the broker's transaction.max.timeout.ms: lower it",
  ),
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED: entry(53, "end", "no right to the transactional id"),
  INVALID_RECORD: entry(87, "end", "the broker refuses a record"),
} satisfies Record<string, Entry>;

/** Kafka's name for an error, or one of ours where no broker has answered. */
export type ProducerErrorType =
  | keyof typeof ERRORS
  /** A request without an answer: it may or may not have been carried out. */
  | "NO_ANSWER"
  /** Not acknowledged in time; the error's cause is the last failure. */
  | "DELIVERY_TIMEOUT"
  /** There is no such topic, or it has fewer partitions. */
  | "NO_SUCH_PARTITION"
  /** A code that the table lacks. */
  | "UNKNOWN_ERROR_CODE";

/** Why a request failed, and what its producer does about it. */
export class ProducerError extends Error {
  override readonly name = "ProducerError";

  constructor(
    readonly type: ProducerErrorType,
    readonly remedy: Exclude<Remedy, "success">,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

const BY_CODE = new Map(
  Object.entries(ERRORS).map(([type, { code, remedy, meaning }]) => [
    code,
    { type: type as keyof typeof ERRORS, remedy, meaning },
  ]),
);

/** What to do about an error code; 0 is none. An unknown one ends the transaction. */
export function remedyOf(code: number): Remedy {
  if (code === 0) return "success";
  return BY_CODE.get(code)?.remedy ?? "fence";
}

/** @param what the request, such as "Produce to orders.validated/3" */
export function errorOf(code: number, what: string): ProducerError {
  const known = BY_CODE.get(code);
  if (!known) return new ProducerError("UNKNOWN_ERROR_CODE", "fence", `${what}: ${code}`);
  const { type, remedy, meaning } = known;
  return new ProducerError(
    type,
    remedy === "success" ? "fence" : remedy,
    `${what}: ${type} (${meaning})`,
  );
}

/** By name one of kafkajs's: it is no bug, and passes. */
export class Unanswered extends Error {
  override readonly name = "KafkaJSUnanswered";
  constructor(apiName: string, limitMs: number) {
    super(`no answer to ${apiName} within ${Math.round(limitMs)} ms`);
  }
}

/**
 * The request may have been carried out, or may still be, at any time.
 *
 * @param remedy `repeat` only where that does no harm
 */
export function noAnswer(
  what: string,
  cause: unknown,
  remedy: "repeat" | "fence" = "fence",
): ProducerError {
  const why = cause instanceof Error ? cause.message : String(cause);
  const message = cause instanceof Unanswered ? why : `no answer (${why})`;
  return new ProducerError("NO_ANSWER", remedy, `${what}: ${message}`, { cause });
}

/**
 * @param what has not happened within `limitMs`, such as "not acknowledged"
 * @param more what the last failure does not name
 */
export function outOfTime(
  what: string,
  limitMs: number,
  last: ProducerError,
  more = "",
): ProducerError {
  const message = `${what} within ${limitMs} ms: ${last.message}${more}`;
  return new ProducerError("DELIVERY_TIMEOUT", "fence", message, { cause: last });
}
