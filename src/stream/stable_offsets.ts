/**
 * The committed offsets of a group, as a partition's new owner must read them: stable, so that none is
 * missed whose transaction was just committed, even while the group's coordinator moves.
 */
import type { Kafka } from "kafkajs";
import { settlesWithin } from "../runtime/stop.ts";
import { createCluster } from "./producer/cluster.ts";
import { createCoordinators } from "./producer/coordinator.ts";
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
      const options = { limitMs: LIMIT_MS, repeatable: true };
      const { offset } = await coordinators.ask("group", group, request, options);
      return offset < 0 ? undefined : offset;
    },
    async close() {
      await settlesWithin(cluster.disconnect(), CLOSE_LIMIT_MS);
    },
  };
}
