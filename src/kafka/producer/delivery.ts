/**
 * Sends record batches to the leaders of their partitions. Each is sent until its own partition has
 * acknowledged it, as the same bytes with the same sequence numbers, to the broker that leads the
 * partition then: a leader that has it already recognizes it.
 *
 * The brokers are behind an interface, so that this is tested with thousands of moved leaders and lost
 * answers.
 */
import { errorOf, noAnswer, outOfTime, ProducerError, remedyOf } from "../client/error_codes.ts";
import type { PartitionBatch, PartitionCode } from "../protocol/requests.ts";
import type { Leaders } from "./destinations.ts";

export interface DeliveryLimits {
  /** Until all batches are acknowledged. */
  readonly deliveryTimeoutMs: number;
  /** Milliseconds of a clock that only goes forward. */
  readonly now: () => number;
  readonly pause: (ms: number) => Promise<void>;
  /** Gives up before the next attempt when it aborts. */
  readonly signal?: AbortSignal | undefined;
  /** Called once, with the reason, when not all batches are acknowledged after some seconds. */
  readonly onDelay?: ((error: ProducerError) => void) | undefined;
}

/** A leader that does not answer may be frozen, or cut off, and another may lead by now. */
const MAX_ATTEMPT_MS = 15_000;
/** A leader moves faster; a longer delay is worth a log line. */
const DELAY_MS = 3_000;
/** Short at first: a new leader is known at once. */
const RETRY_MS = { first: 10, most: 500 };

/**
 * Resolves when every batch is acknowledged by its own partition.
 *
 * @throws {ProducerError} one is refused, or is not acknowledged in time. No request is on its way then;
 * which of the batches were written is unknown
 */
export async function deliver(
  batches: readonly PartitionBatch[],
  leaders: Leaders,
  limits: DeliveryLimits,
): Promise<void> {
  const startedAt = limits.now();
  const deadline = startedAt + limits.deliveryTimeoutMs;
  let reported = false;
  let rest = batches;
  let waitMs = RETRY_MS.first;
  /** Why the leaders are not known: more telling than that they are not, as with a refused login. */
  let notLearnt: ProducerError | undefined;
  const attemptMs = Math.min(MAX_ATTEMPT_MS, limits.deliveryTimeoutMs / 2);
  for (;;) {
    const leftMs = Math.max(1, deadline - limits.now());
    const failures = await attemptAll(rest, leaders, Math.min(attemptMs, leftMs));
    if (failures.size === 0) return;
    for (const error of failures.values()) if (error.remedy !== "repeat") throw error;
    const [first] = failures.values();
    if (!reported && limits.now() - startedAt >= DELAY_MS) {
      reported = true;
      limits.onDelay?.(notLearnt ?? first!);
    }
    rest = [...failures.keys()];
    const isLate = limits.now() + waitMs >= deadline;
    if (!isLate) await limits.pause(waitMs);
    // Most aborts come during the pause.
    if (isLate || limits.signal?.aborted) {
      const more = rest.length > 1 ? ` and ${rest.length - 1} more partitions` : "";
      throw outOfTime("not acknowledged", limits.deliveryTimeoutMs, first!, more);
    }
    waitMs = Math.min(RETRY_MS.most, waitMs * 2);
    // Without an answer the old metadata is used, until the time is up.
    const topics = [...new Set(rest.map(({ topic }) => topic))];
    notLearnt = await leaders.refresh(topics).then(
      () => undefined,
      (error) => noAnswer("asking who leads the partitions", error, "repeat"),
    );
  }
}

/**
 * Sends each batch once, to the present leader of its partition. When it resolves, no request is on its
 * way.
 *
 * @returns the batches that were not acknowledged, and why
 */
async function attemptAll(
  batches: readonly PartitionBatch[],
  leaders: Leaders,
  limitMs: number,
): Promise<Map<PartitionBatch, ProducerError>> {
  const failures = new Map<PartitionBatch, ProducerError>();
  const byLeader = Map.groupBy(
    batches,
    ({ topic, partition }) => leaders.leaderOf(topic, partition),
  );
  const requests = [...byLeader].map(async ([node, ofLeader]) => {
    if (node === undefined) {
      for (const batch of ofLeader) failures.set(batch, leaderless(batch));
      return;
    }
    let answer: readonly PartitionCode[];
    try {
      answer = await leaders.produce(node, ofLeader, limitMs);
    } catch (error) {
      for (const batch of ofLeader) failures.set(batch, unanswered(batch, error));
      return;
    }
    for (const batch of ofLeader) {
      const own = answer.find(({ topic, partition }) =>
        topic === batch.topic && partition === batch.partition
      );
      if (own === undefined) failures.set(batch, unanswered(batch, "the answer lacks it"));
      else if (remedyOf(own.code) !== "success") {
        failures.set(batch, errorOf(own.code, describe(batch)));
      }
    }
  });
  await Promise.all(requests);
  return failures;
}

function describe({ topic, partition }: PartitionBatch): string {
  return `writing to ${topic}/${partition}`;
}

function leaderless(batch: PartitionBatch): ProducerError {
  return new ProducerError(
    "LEADER_NOT_AVAILABLE",
    "repeat",
    `${describe(batch)}: the partition is not known, or has no leader`,
  );
}

/** It may have been written: repeated with the same bytes, its broker recognizes it. */
function unanswered(batch: PartitionBatch, cause: unknown): ProducerError {
  return noAnswer(describe(batch), cause, "repeat");
}

/** Sequence numbers of one producer id and epoch, by partition, from 0. */
export interface Sequences {
  /** The first of `count` numbers, each of which is used once. */
  next(topic: string, partition: number, count: number): number;
}

/** After 2^31 - 1 comes 0, as in Kafka's DefaultRecordBatch.incrementSequence. */
const MODULUS = 2 ** 31;

/** @param first of every partition: 0, except in tests */
export function createSequences(first = 0): Sequences {
  const byPartition = new Map<string, number>();
  return {
    next(topic, partition, count) {
      const key = `${topic}/${partition}`;
      const sequence = byPartition.get(key) ?? first;
      byPartition.set(key, (sequence + count) % MODULUS);
      return sequence;
    },
  };
}
