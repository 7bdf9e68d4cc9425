/** Metadata of the cluster: its brokers, and the leaders of partitions. */
import { parseAddress } from "../../runtime/setting.ts";
import { replaceModule, require } from "./replace_module.ts";

interface Metadata {
  topicMetadata: {
    topicErrorCode: number;
    partitionMetadata: { partitionErrorCode: number; leader: number }[];
  }[];
}

interface BrokerPool {
  metadata: Metadata;
  /** Epoch milliseconds. */
  metadataExpireAt: number | null;
  metadataMaxAge: number;
  refreshMetadataIfNecessary(topics: string[]): Promise<unknown>;
  refreshMetadata(topics: string[]): Promise<unknown>;
}

/** How soon the metadata is refreshed while a partition has no leader. */
const LEADERLESS_METADATA_AGE_MS = 250;

/**
 * kafkajs#639, #1769: one partition without a leader fails the whole answer, for as long as it has
 * none, so that no leader of any partition is known. Here it has the leader -1, and the metadata is
 * refreshed soon.
 */
export function patchLeaderlessPartitions(): void {
  const { createErrorFromCode } = require("kafkajs/src/protocol/error.js");
  const name = "kafkajs/src/protocol/requests/metadata/v0/response.js";
  const { decode } = require(name);
  const parse = (metadata: Metadata) => {
    const failed = metadata.topicMetadata.find(({ topicErrorCode }) => topicErrorCode !== 0);
    if (failed) return Promise.reject(createErrorFromCode(failed.topicErrorCode));
    return Promise.resolve(metadata);
  };
  replaceModule(name, { decode, parse });

  const { prototype } = require("kafkajs/src/cluster/brokerPool.js") as { prototype: BrokerPool };
  const { refreshMetadata } = prototype;
  prototype.refreshMetadata = async function (topics) {
    await refreshMetadata.call(this, topics);
    const leaderless = this.metadata?.topicMetadata.some(({ partitionMetadata }) =>
      partitionMetadata.some(({ leader }) => leader < 0)
    );
    if (leaderless) this.metadataExpireAt = Date.now() + LEADERLESS_METADATA_AGE_MS;
  };
}

/** Where the clock was set back, metadata would be kept until it has caught up: no new partition is seen. */
export function patchMetadataAge(): void {
  const { prototype } = require("kafkajs/src/cluster/brokerPool.js") as { prototype: BrokerPool };
  const { refreshMetadataIfNecessary } = prototype;
  prototype.refreshMetadataIfNecessary = function (topics) {
    const latest = Date.now() + this.metadataMaxAge;
    if (this.metadataExpireAt !== null && this.metadataExpireAt > latest) {
      this.metadataExpireAt = null;
    }
    return refreshMetadataIfNecessary.call(this, topics);
  };
}

interface ClusterPrototype {
  brokerPool: { metadata: { topicMetadata: { topic: string }[] } | null };
  addMultipleTargetTopics(topics: string[]): Promise<void>;
  refreshMetadata(): Promise<void>;
}

/**
 * kafkajs#461: two refreshes of the metadata at once share one answer, which may lack the topic that
 * was just added. The topic has no partitions and no end then, and `fetchTopicOffsets` fails with a
 * TypeError.
 */
export function patchSharedMetadata(): void {
  const { prototype } = require("kafkajs/src/cluster/index.js") as { prototype: ClusterPrototype };
  const { addMultipleTargetTopics } = prototype;
  prototype.addMultipleTargetTopics = async function (topics) {
    await addMultipleTargetTopics.call(this, topics);
    const lacksOne = () =>
      topics.some((name) =>
        !this.brokerPool.metadata?.topicMetadata.some(({ topic }) => topic === name)
      );
    // The second answer may be shared as well; the third is not.
    for (let attempt = 1; attempt <= 2 && lacksOne(); attempt++) await this.refreshMetadata();
  };
}

interface SeedPool {
  seedBroker: { versions: unknown; connect(): Promise<void> } | undefined;
  versions: unknown;
  hasConnectedBrokers(): boolean;
  createSeedBroker(): Promise<void>;
  retrier(work: (bail: (error: unknown) => void) => Promise<void>): Promise<void>;
  connect(): Promise<void>;
}

/**
 * kafkajs#368: when a seed broker refuses the connection kafkajs tries another; but one that accepts it
 * and never answers (frozen, cut off) is asked again and again, and no other.
 */
export function patchSeedBroker(): void {
  const { prototype } = require("kafkajs/src/cluster/brokerPool.js") as { prototype: SeedPool };
  prototype.connect = async function () {
    if (this.hasConnectedBrokers()) return;
    if (!this.seedBroker) await this.createSeedBroker();
    await this.retrier(async (bail) => {
      try {
        await this.seedBroker!.connect();
        this.versions = this.seedBroker!.versions;
      } catch (error) {
        // The next address in turn.
        await this.createSeedBroker();
        if ((error as { retriable?: boolean }).retriable) throw error;
        bail(error);
      }
    });
  };
}

interface LookupPool {
  brokers: Record<string, unknown>;
  findBroker(node: { nodeId: string }): Promise<unknown>;
  withBroker<T>(ask: (on: { nodeId: string; broker: unknown }) => Promise<T>): Promise<T | null>;
}

/**
 * kafkajs#1630: the first broker that cannot be reached fails a look-up, and every error of the others
 * becomes "no coordinator", a missing right included.
 */
export function patchLookups(): void {
  const { prototype } = require("kafkajs/src/cluster/brokerPool.js") as { prototype: LookupPool };
  const { KafkaJSBrokerNotFound } = require("kafkajs/src/errors.js");
  const shuffle: (ids: string[]) => string[] = require("kafkajs/src/utils/shuffle.js");
  prototype.withBroker = async function (ask) {
    let last: unknown = new KafkaJSBrokerNotFound("No brokers in the broker pool");
    for (const nodeId of shuffle(Object.keys(this.brokers))) {
      try {
        return await ask({ nodeId, broker: await this.findBroker({ nodeId }) });
      } catch (error) {
        last = error;
      }
    }
    throw last;
  };
}

interface PoolBuilder {
  build(broker?: { host?: string; port?: number; rack?: string | null }): Promise<unknown>;
}

/** kafkajs#1589: `[::1]:9092` is cut at its first colon. */
export function patchAddresses(): void {
  const name = "kafkajs/src/cluster/connectionPoolBuilder.js";
  const createBuilder = require(name) as (options: { brokers: string[] }) => PoolBuilder;
  replaceModule(name, (options: { brokers: string[] }): PoolBuilder => {
    const { build } = createBuilder(options);
    let next = 0;
    return {
      build: (broker) =>
        build(
          broker?.host ? broker : parseAddress(options.brokers[next++ % options.brokers.length]!),
        ),
    };
  });
}
