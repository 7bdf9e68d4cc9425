/** A group's committed offsets, as plain numbers: offsets are safe integers. */
import type { Admin } from "kafkajs";
import { settlesWithin } from "../../runtime/shutdown.ts";
import { type ClusterSource, createCluster } from "../client/cluster.ts";
import { createCoordinators } from "../client/coordinator.ts";
import { OffsetFetcher } from "./offset_fetcher.ts";
import { ProducerError } from "../client/error_codes.ts";
import { describeGroupRequest } from "../protocol/coordinator_requests.ts";
import {
  initProducerIdRequest,
  type MemberGeneration,
  offsetCommitRequest,
  type PartitionOffset,
  type TopicPartition,
} from "../protocol/requests.ts";

/** Of one topic, by partition; a partition without one is left out. */
export async function committedOffsets(
  admin: Admin,
  group: string,
  topic: string,
): Promise<Map<number, number>> {
  return (await committedOffsetsByTopic(admin, group, [topic])).get(topic) ?? new Map();
}

/**
 * By topic and partition, in one request.
 *
 * @param topics at least one: Kafka takes none for all
 */
export async function committedOffsetsByTopic(
  admin: Admin,
  group: string,
  topics: readonly string[],
): Promise<Map<string, Map<number, number>>> {
  const answers = await admin.fetchOffsets({ groupId: group, topics: [...topics] });
  return new Map(answers.map(({ topic, partitions }) => {
    const offsets = partitions.map(({ partition, offset }) => [partition, Number(offset)] as const);
    return [topic, new Map(offsets.filter(([, offset]) => offset >= 0))];
  }));
}

/** A group's offsets as the next owner of a partition reads them, or a person sets them. */
export interface GroupOffsets {
  /**
   * The next offset to process, when no transaction can change it any more, even while the group's
   * coordinator moves; undefined where the group has committed none. Calls of one moment are one request.
   *
   * @throws {ProducerError} the coordinator refuses, or has no sure answer for too long
   */
  committed(partition: TopicPartition): Promise<number | undefined>;
  /** The members of the group, by the names that its coordinator gave them. */
  members(): Promise<ReadonlySet<string>>;
  /**
   * As the next owner of a partition does: a producer that had this id can commit nothing any more, and
   * what it left open is ended.
   */
  fence(transactionalId: string): Promise<void>;
  /** @returns false, and nothing is committed, while the group has members */
  commit(offsets: readonly PartitionOffset[]): Promise<boolean>;
  /**
   * As a member of the group; refused once the group has been assigned anew.
   *
   * @throws {ProducerError} it is refused; or NO_ANSWER: it may be committed at any time, as long as the
   *   group has this generation
   */
  commitAs(
    member: MemberGeneration,
    offsets: readonly PartitionOffset[],
  ): Promise<void>;
  close(): Promise<void>;
}

/** A coordinator that has moved is sure when the replicas of its log have caught up. */
const ANSWER_LIMIT_MS = 30_000;
/** A member that waits longer holds its partition up: another attempt finds out where the group is. */
const COMMIT_LIMIT_MS = 10_000;
/** The next producer with the id says anew how long its transactions may stay open. */
const TRANSACTION_TIMEOUT_MS = 10_000;
const CLOSE_LIMIT_MS = 3_000;

/** Connects when it is first asked; its methods throw a ProducerError where Kafka refuses. */
export function openGroupOffsets(kafka: ClusterSource, group: string): GroupOffsets {
  const cluster = createCluster(kafka);
  const coordinators = createCoordinators(cluster);
  const fetcher = new OffsetFetcher(coordinators, group);
  const options = { limitMs: ANSWER_LIMIT_MS, repeatable: true };
  return {
    committed: (partition) => fetcher.committed(partition),
    async members() {
      const request = describeGroupRequest(group);
      const { members } = await coordinators.ask("group", group, request, {
        ...options,
        fresh: true,
      });
      return new Set(members);
    },
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
    async commitAs(member, offsets) {
      const request = offsetCommitRequest(group, offsets, member);
      // Not repeated: the first one may be carried out after the second, or after a later commit.
      const once = { limitMs: COMMIT_LIMIT_MS, repeatable: false };
      await coordinators.ask("group", group, request, once);
    },
    async close() {
      await settlesWithin(cluster.disconnect(), CLOSE_LIMIT_MS);
    },
  };
}
