/**
 * The committed offsets of a group, as a partition's new owner must read them: stable, so that none is
 * missed whose transaction was just committed, even while the group's coordinator moves.
 */
import type { Kafka } from "kafkajs";
import { settlesWithin } from "../runtime/stop.ts";
import { createCluster } from "./producer/cluster.ts";
import { createCoordinators } from "./producer/coordinator.ts";
import { ProducerError } from "./producer/errors.ts";
import { offsetFetchRequest, type TopicPartition } from "./producer/requests.ts";

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
