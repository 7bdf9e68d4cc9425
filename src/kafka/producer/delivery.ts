/**
 * Brings record batches to the leaders of their partitions: each is sent until its own partition has
 * acknowledged it, as the same bytes with the same sequence numbers, to whatever broker leads the
 * partition then. So a broker that has it already knows it again, and one that has not takes it.
 *
 * The brokers are behind an interface: what is promised here is tested against leaders that move and
 * answers that are lost, by the thousand.
 */
import { errorOf, noAnswer, ProducerError, remedyOf } from "../client/error_codes.ts";
import type { PartitionBatch, PartitionCode } from "../protocol/requests.ts";
import type { Leaders } from "./leaders.ts";

export interface DeliveryLimits {
  /** How long it may take until all is acknowledged. */
  readonly deliveryTimeoutMs: number;
  /** Milliseconds of a clock that only goes forward. */
  readonly now: () => number;
  readonly pause: (ms: number) => Promise<void>;
  /** Gives up before the next attempt when it aborts. */
  readonly signal?: AbortSignal | undefined;
  /** Told once when not all is acknowledged after some seconds, and why. */
  readonly onDelay?: ((error: ProducerError) => void) | undefined;
}

/** A leader that does not answer may be frozen, or cut off, and another one lead by now. */
const MAX_ATTEMPT_MS = 15_000;
/** A leader moves in less; after that somebody may want to know. */
const DELAY_MS = 3_000;
/** The first attempt after a failure is nearly at once: a moved leader is known at once. */
const RETRY_MS = { first: 10, most: 500 };

/**
 * Resolves when every batch is acknowledged by its own partition.
 *
 * @throws {ProducerError} one is refused, or was not acknowledged in time. All requests have been
 * answered or given up then; which of the batches are there is not known
 */
export async function deliver(
  batches: readonly PartitionBatch[],
  leaders: Leaders,
  limits: DeliveryLimits,
): Promise<void> {
  const startedAt = limits.now();
  const deadline = startedAt + limits.deliveryTimeoutMs;
  let told = false;
  let rest = batches;
  let waitMs = RETRY_MS.first;
  const attemptMs = Math.min(MAX_ATTEMPT_MS, limits.deliveryTimeoutMs / 2);
  for (;;) {
    const leftMs = Math.max(1, deadline - limits.now());
    const failures = await attemptAll(rest, leaders, Math.min(attemptMs, leftMs));
    if (failures.size === 0) return;
    for (const error of failures.values()) if (error.remedy !== "repeat") throw error;
    const [first] = failures.values();
    if (!told && limits.now() - startedAt >= DELAY_MS) {
      told = true;
      limits.onDelay?.(first!);
    }
    rest = [...failures.keys()];
    const isLate = limits.now() + waitMs >= deadline;
    if (!isLate) await limits.pause(waitMs);
    // The pause is where it is most often told to give up.
    if (isLate || limits.signal?.aborted) throw late(rest, first!, limits.deliveryTimeoutMs);
    waitMs = Math.min(RETRY_MS.most, waitMs * 2);
    // Without an answer we go by what we knew, until the time is up.
    await leaders.refresh([...new Set(rest.map(({ topic }) => topic))]).catch(() => {});
  }
}

/**
 * Sends each batch once, to the present leader of its partition; when it resolves, nothing is on its
 * way any more.
 *
 * @returns why each batch that was not acknowledged was not
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

/** It may be there: the same bytes again, and a broker that has them says so. */
function unanswered(batch: PartitionBatch, cause: unknown): ProducerError {
  return noAnswer(describe(batch), cause, "repeat");
}

function late(
  batches: readonly PartitionBatch[],
  last: ProducerError,
  limitMs: number,
): ProducerError {
  const count = batches.length > 1 ? ` and ${batches.length - 1} more partitions` : "";
  return new ProducerError(
    "DELIVERY_TIMEOUT",
    "fence",
    `not acknowledged within ${limitMs} ms: ${last.message}${count}`,
    { cause: last },
  );
}

/** Sequence numbers of one producer id and epoch: by partition, from 0, in the order of hand-out. */

export interface Sequences {
  /** The first of `count` numbers, which are never handed out again. */
  next(topic: string, partition: number, count: number): number;
}

/** After 2^31 - 1 comes 0, as in Kafka's DefaultRecordBatch.incrementSequence. */
const MODULUS = 2 ** 31;

/** @param first where every partition begins: 0, but for tests */
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
