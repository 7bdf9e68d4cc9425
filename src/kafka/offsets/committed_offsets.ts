/** Committed offsets as plain numbers. Offsets are safe integers. */
import type { Admin, Kafka } from "kafkajs";
import { settlesWithin } from "../../runtime/shutdown.ts";
import { createCluster } from "../client/cluster.ts";
import { createCoordinators } from "../client/coordinator.ts";
import { ProducerError } from "../client/error_codes.ts";
import {
  initProducerIdRequest,
  offsetCommitRequest,
  offsetFetchRequest,
  type TopicPartition,
} from "../protocol/requests.ts";

/** A group's committed offsets of a topic by partition; a partition without one is left out. */
export async function committedOffsets(
  admin: Admin,
  group: string,
  topic: string,
): Promise<Map<number, number>> {
  const [answer] = await admin.fetchOffsets({ groupId: group, topics: [topic] });
  const offsets = new Map<number, number>();
  for (const { partition, offset } of answer?.partitions ?? []) {
    if (Number(offset) >= 0) offsets.set(partition, Number(offset));
  }
  return offsets;
}

/**
 * The committed offsets of a group, as a partition's new owner must read them: stable, so that none is
 * missed whose transaction was just committed, even while the group's coordinator moves.
 */

export interface StableOffsets {
  /**
   * The next offset to process, or undefined when the group has committed none.
   *
   * @throws {ProducerError} the coordinator refuses, or has no sure answer for too long
   */
  committed(partition: TopicPartition): Promise<number | undefined>;
  close(): Promise<void>;
}

/** Kafka's word for: the group has committed none. */
const NONE = -1;
/** A coordinator that has moved is sure when the replicas of its log have caught up. */
const LIMIT_MS = 30_000;
const CLOSE_LIMIT_MS = 3_000;

/** Connects when it is first asked. */
export function createStableOffsets(kafka: Kafka, group: string): StableOffsets {
  const cluster = createCluster(kafka);
  const coordinators = createCoordinators(cluster);
  return {
    async committed(partition) {
      const request = offsetFetchRequest(group, partition);
      const options = { limitMs: LIMIT_MS, repeatable: true, fresh: true };
      const { offset } = await coordinators.ask("group", group, request, options);
      if (offset >= 0) return offset;
      if (offset === NONE) return undefined;
      throw new ProducerError(
        "UNKNOWN_SERVER_ERROR",
        "end",
        `the group ${group} has committed ${offset} for ${partition.topic}/${partition.partition}, ` +
          "which is no offset: commit one with Kafka's kafka-consumer-groups --reset-offsets",
      );
    },
    async close() {
      await settlesWithin(cluster.disconnect(), CLOSE_LIMIT_MS);
    },
  };
}

/** A consumer group's offsets as somebody sets them who is no member of it. */

export interface GroupOffsets {
  /**
   * The next offset to process, when no transaction can change it any more; undefined where the group
   * has committed none.
   */
  committed(partition: TopicPartition): Promise<number | undefined>;
  /**
   * As the next owner of a partition does: whoever had this id can commit nothing any more, and what
   * it left open is ended.
   */
  fence(transactionalId: string): Promise<void>;
  /** @returns false, and nothing is committed, while the group has members */
  commit(offsets: readonly (TopicPartition & { readonly offset: number })[]): Promise<boolean>;
  close(): Promise<void>;
}

const ANSWER_LIMIT_MS = 30_000;
/** Whoever takes the id next says anew how long its transactions may stay open. */
const TRANSACTION_TIMEOUT_MS = 10_000;

/** Connects when it is first asked; its methods throw a ProducerError where Kafka refuses. */
export function openGroupOffsets(kafka: Kafka, group: string): GroupOffsets {
  const cluster = createCluster(kafka);
  const coordinators = createCoordinators(cluster);
  const stable = createStableOffsets(kafka, group);
  const options = { limitMs: ANSWER_LIMIT_MS, repeatable: true };
  return {
    committed: (partition) => stable.committed(partition),
    async fence(id) {
      const request = initProducerIdRequest(id, TRANSACTION_TIMEOUT_MS);
      await coordinators.ask("transaction", id, request, options);
    },
    async commit(offsets) {
      try {
        await coordinators.ask("group", group, offsetCommitRequest(group, offsets), options);
        return true;
      } catch (error) {
        const isTaken = error instanceof ProducerError && error.type === "UNKNOWN_MEMBER_ID";
        if (isTaken) return false;
        throw error;
      }
    },
    async close() {
      await Promise.allSettled([cluster.disconnect(), stable.close()]);
    },
  };
}
