/**
 * The parts of kafkajs's internal Cluster that we use directly: its connections and its metadata.
 * Requests, and what their answers mean, are our own.
 */
import type { Kafka } from "kafkajs";
import type { Compression } from "../access.ts";
import { noAnswer } from "./error_codes.ts";
import type { WireRequest } from "../protocol/wire.ts";

/** New partitions have to be processed within 30 s, which includes a rebalance of their group. */
export const METADATA_MAX_AGE_MS = 10_000;

export interface Cluster {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  /** False when no broker is known, or none is connected. */
  isConnected(): boolean;
  getNodeIds(): string[];
  refreshMetadata(): Promise<void>;
  /** When it is too old, or lacks a topic that was added. */
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
  readonly nodeId: number;
  /** By the number of the API; kafkajs has those of the broker that it asked first. */
  readonly versions?: Readonly<Record<number, { readonly maxVersion: number } | undefined>>;
  isConnected(): boolean;
  readonly connectionPool: {
    readonly pool: readonly unknown[];
    send<Answer>(request: WireRequest<Answer>): Promise<Answer>;
  };
}

/** A version of a request. */
export interface ApiVersion {
  readonly apiName: string;
  /** https://kafka.apache.org/protocol#protocol_api_keys */
  readonly apiKey: number;
  readonly version: number;
}

/** Whether a broker answers such a request. */
export function knows({ versions }: Broker, { apiKey, version }: Omit<ApiVersion, "apiName">) {
  return (versions?.[apiKey]?.maxVersion ?? 0) >= version;
}

/** A client of Kafka: kafkajs's, or one whose brokers are in memory. */
export type ClusterSource = Kafka | {
  readonly createCluster: () => Cluster;
  /** The codec for what it writes. */
  readonly compression: Compression;
};

/** A Cluster with the client's settings and its own connections, by a private method of kafkajs. */
export function createCluster<C extends Cluster>(kafka: ClusterSource): C {
  if ("createCluster" in kafka) return kafka.createCluster() as C;
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

/**
 * Connects, and learns the brokers.
 *
 * @throws {ProducerError} kafkajs may throw a TypeError when the cluster is down: that is no bug of ours
 */
export async function connectCluster(cluster: Cluster): Promise<void> {
  try {
    await cluster.connect();
    await cluster.refreshMetadata();
  } catch (error) {
    throw noAnswer("connecting to Kafka", error);
  }
}

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
  let last: unknown;
  const nodes = cluster.getNodeIds().map((nodeId) => ({ nodeId, place: Math.random() }));
  for (const { nodeId } of nodes.toSorted((a, b) => a.place - b.place)) {
    try {
      return await ask(await cluster.findBroker({ nodeId }));
    } catch (error) {
      last = error;
    }
  }
  throw last ?? new NoBroker();
}
