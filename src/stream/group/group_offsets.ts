/** A consumer group's offsets as somebody sets them who is no member of it. */
import type { Kafka } from "kafkajs";
import { createCluster } from "../producer/cluster.ts";
import { createCoordinators } from "../producer/coordinator.ts";
import { ProducerError } from "../producer/errors.ts";
import {
  initProducerIdRequest,
  offsetCommitRequest,
  type TopicPartition,
} from "../producer/requests.ts";
import { createStableOffsets } from "../stable_offsets.ts";

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

const LIMIT_MS = 30_000;
/** Whoever takes the id next says anew how long its transactions may stay open. */
const TRANSACTION_TIMEOUT_MS = 10_000;

/** Connects when it is first asked; its methods throw a ProducerError where Kafka refuses. */
export function openGroupOffsets(kafka: Kafka, group: string): GroupOffsets {
  const cluster = createCluster(kafka);
  const coordinators = createCoordinators(cluster);
  const stable = createStableOffsets(kafka, group);
  const options = { limitMs: LIMIT_MS, repeatable: true };
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
