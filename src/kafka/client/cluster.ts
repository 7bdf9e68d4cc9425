/**
 * The parts of kafkajs's internal Cluster that we use ourselves: it keeps the connections and the
 * metadata. What is sent, and what an answer means, is decided by those who use it.
 */
import "../patches/patches.ts";
import type { Kafka } from "kafkajs";
import { answerOf } from "./coordinator.ts";
import type { Leaders } from "../producer/delivery.ts";
import { produceRequest } from "../protocol/requests.ts";

/**
 * How old what is known of topics may become: new partitions are worked on within 30 s, and their group
 * has to be assigned meanwhile.
 */
export const METADATA_MAX_AGE_MS = 10_000;

export interface Cluster {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  /** False when no broker is known, or none is connected. */
  isConnected(): boolean;
  getNodeIds(): string[];
  refreshMetadata(): Promise<void>;
  /** Refreshes it when it is too old, or lacks a topic that was added. */
  refreshMetadataIfNecessary(): Promise<void>;
  addMultipleTargetTopics(topics: string[]): Promise<void>;
  /** @throws when there is no metadata yet; a topic that it lacks has no partitions */
  findTopicPartitionMetadata(topic: string): { partitionId: number; leader: number }[];
  findLeaderForPartitions(topic: string, partitions: number[]): Record<string, number[]>;
  /** Connects to it, if need be. */
  findBroker(node: { nodeId: string }): Promise<Broker>;
  /** @param request.coordinatorType 0: of a group; 1: of a transactional id */
  findGroupCoordinator(request: { groupId: string; coordinatorType: number }): Promise<Broker>;
  fetchTopicsOffset(
    request: ({ topic: string; partitions: { partition: number }[] } & OffsetChoice)[],
  ): Promise<{ topic: string; partitions: { partition: number; offset: string }[] }[]>;
}

/** Of a log's ends, or of the first record of that time or later, epoch milliseconds. */
export type OffsetChoice = { fromBeginning: boolean } | { fromTimestamp: number };

export interface Broker {
  isConnected(): boolean;
  readonly connectionPool: {
    readonly pool: readonly unknown[];
    send<Answer>(request: WireRequest<Answer>): Promise<Answer>;
  };
}

/** A request as kafkajs's connections take it. */
export interface WireRequest<Answer> {
  readonly request: {
    readonly apiKey: number;
    readonly apiName: string;
    readonly apiVersion: number;
    encode(): Promise<unknown>;
  };
  readonly response: {
    decode(payload: Uint8Array): Promise<unknown>;
    parse(decoded: unknown): Promise<Answer>;
  };
}

/**
 * A Cluster with the client's settings, and connections of its own. kafkajs keeps its way to make one
 * under a private symbol.
 */
export function createCluster<C extends Cluster>(kafka: Kafka): C {
  const symbol = Object.getOwnPropertySymbols(kafka)
    .find((candidate) => candidate.description === "private:Kafka:createCluster");
  if (!symbol) throw new TypeError("kafkajs no longer makes its clusters where 2.2.4 does");
  const create = (kafka as unknown as Record<symbol, (options: object) => C>)[symbol]!;
  return create({
    metadataMaxAge: METADATA_MAX_AGE_MS,
    allowAutoTopicCreation: false,
    isolationLevel: 0,
  });
}

/** No broker is known at the moment. */
class NoBroker extends Error {
  override readonly name = "KafkaJSNoBroker";
  override readonly message = "no broker is known";
}

/**
 * Asks one broker after the other, in any order, until one answers.
 *
 * @throws what the last of them threw; or none is known
 */
export async function askAnyBroker<T>(
  cluster: Cluster,
  ask: (broker: Broker) => Promise<T>,
): Promise<T> {
  let last: unknown = new NoBroker();
  const nodes = cluster.getNodeIds().map((nodeId) => ({ nodeId, place: Math.random() }));
  for (const { nodeId } of nodes.toSorted((a, b) => a.place - b.place)) {
    try {
      return await ask(await cluster.findBroker({ nodeId }));
    } catch (error) {
      last = error;
    }
  }
  throw last;
}

/** The leaders of partitions, and how to reach them, by the metadata and the connections of kafkajs. */

/** How long a broker may wait for its replicas: less than we wait for the broker. */
function replicasLimitMs(limitMs: number): number {
  return Math.ceil(Math.min(10_000, 0.8 * limitMs));
}

/**
 * @param transactionalId null outside transactions
 * @param onUnanswered told of each request that may still be carried out, at any time
 */
export function createLeaders(
  cluster: Cluster,
  transactionalId: string | null,
  onUnanswered: () => void,
): Leaders {
  return {
    leaderOf(topic, partition) {
      const leader = cluster.findTopicPartitionMetadata(topic)
        .find(({ partitionId }) => partitionId === partition)?.leader;
      return leader === undefined || leader < 0 ? undefined : leader;
    },

    async refresh(topics) {
      if (!cluster.isConnected()) await cluster.connect();
      await cluster.addMultipleTargetTopics([...topics]);
      await cluster.refreshMetadata();
    },

    async produce(node, batches, limitMs) {
      const broker = await cluster.findBroker({ nodeId: String(node) });
      const request = produceRequest(transactionalId, replicasLimitMs(limitMs), batches);
      try {
        return await answerOf(broker, request, limitMs);
      } catch (error) {
        onUnanswered();
        throw error;
      }
    },
  };
}
