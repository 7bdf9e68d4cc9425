/** A cluster as a client has it: metadata as old as its last refresh, and connections of its own. */
import type { Cluster, OffsetChoice } from "../../kafka/client/cluster.ts";
import { METADATA_MAX_AGE_MS } from "../../kafka/client/cluster.ts";
import { pause } from "../../runtime/shutdown.ts";
import type { MetadataAnswer, Request, TopicPartition } from "../cluster/requests.ts";
import type { SimulatedProcess } from "../process.ts";
import { SimulatedBroker } from "./broker.ts";
import {
  KafkaJSBrokerNotFound,
  KafkaJSTopicMetadataNotLoaded,
  nameOf,
  refusal,
  typeOf,
} from "../../kafka/testing/kafkajs_parts.ts";
import type { Network } from "./network.ts";

/** As createClient sets kafkajs's. */
const RETRY = { firstMs: 20, mostMs: 1_000, factor: 1.6, retries: 8 };
/** As patches/metadata.ts. */
const LEADERLESS_METADATA_AGE_MS = 250;
interface Partition {
  readonly partitionId: number;
  readonly leader: number;
}

interface Topic {
  readonly partitions: Partition[];
  /** One of them is without a leader. */
  readonly isLeaderless: boolean;
}

/** What brokers answer of a topic is the same object until it changes. */
const TOPICS = new WeakMap<object, Topic>();

function topicOf(answer: MetadataAnswer["topics"][number]): Topic {
  let topic = TOPICS.get(answer);
  if (!topic) {
    const partitions = answer.partitions
      .map(({ partition, leader }) => ({ partitionId: partition, leader }));
    topic = { partitions, isLeaderless: partitions.some(({ leader }) => leader < 0) };
    TOPICS.set(answer, topic);
  }
  return topic;
}

export class SimulatedCluster implements Cluster {
  readonly #brokers = new Map<string, SimulatedBroker>();
  readonly #targets = new Set<string>();
  #topics: Map<string, Partition[]> | undefined;
  #expiresAtMs = 0;
  #refreshing: Promise<void> | undefined;

  constructor(
    private readonly network: Network,
    private readonly process: SimulatedProcess,
    private readonly maxAgeMs = METADATA_MAX_AGE_MS,
  ) {}

  /** Nothing by itself: what is asked next finds out whether anybody answers. */
  connect(): Promise<void> {
    return Promise.resolve();
  }

  disconnect(): Promise<void> {
    for (const broker of this.#brokers.values()) broker.close();
    this.#brokers.clear();
    this.#topics = undefined;
    return Promise.resolve();
  }

  isConnected(): boolean {
    for (const broker of this.#brokers.values()) if (broker.isConnected()) return true;
    return false;
  }

  getNodeIds(): string[] {
    return [...this.#brokers.keys()];
  }

  /** Two at once share one answer, as kafkajs's. */
  refreshMetadata(): Promise<void> {
    return this.#refreshing ??= this.#refresh().finally(() => this.#refreshing = undefined);
  }

  async #refresh(): Promise<void> {
    const request = { api: "Metadata", topics: [...this.#targets] } as const;
    let waitMs = RETRY.firstMs;
    for (let attempt = 0;; attempt++) {
      let last: unknown;
      for (const broker of this.#seeds()) {
        let answer: MetadataAnswer;
        try {
          answer = await broker.ask(request);
        } catch (error) {
          // As kafkajs: the next one is tried where this one cannot be reached, not where it falls silent.
          if (nameOf(error) !== "KafkaJSConnectionError") throw error;
          last = error;
          continue;
        }
        const failed = answer.topics.find(({ code }) => code !== 0);
        if (failed) throw refusal(failed.code);
        return this.#learn(answer, broker);
      }
      // As kafkajs: where none can be reached it tries again for a while, before its caller does.
      if (attempt === RETRY.retries) throw last;
      await pause(waitMs);
      waitMs = Math.min(RETRY.mostMs, waitMs * RETRY.factor);
    }
  }

  /** Those that are connected come first, then any other that is known, then those of the settings. */
  *#seeds(): Generator<SimulatedBroker> {
    const { random } = this.process;
    const known = [...this.#brokers.values()];
    const first = random.int(known.length);
    for (const isConnected of [true, false]) {
      for (let i = 0; i < known.length; i++) {
        const broker = known[(first + i) % known.length]!;
        if (broker.isConnected() === isConnected) yield broker;
      }
    }
    const nodes = this.network.kafka.nodes();
    const begin = random.int(nodes.length);
    for (let i = 0; i < nodes.length; i++) {
      const node = nodes[(begin + i) % nodes.length]!;
      if (!known.some(({ nodeId }) => nodeId === node)) yield this.#newBroker(node);
    }
  }

  #newBroker(node: number): SimulatedBroker {
    return new SimulatedBroker(this.network, this.process, node);
  }

  #learn({ brokers, topics }: MetadataAnswer, answered: SimulatedBroker): void {
    let isLeaderless = false;
    this.#topics = new Map();
    for (const answer of topics) {
      const topic = topicOf(answer);
      isLeaderless ||= topic.isLeaderless;
      this.#topics.set(answer.name, topic.partitions);
    }
    this.#expiresAtMs = Date.now() + (isLeaderless ? LEADERLESS_METADATA_AGE_MS : this.maxAgeMs);
    for (const node of brokers) {
      const id = String(node);
      if (this.#brokers.has(id)) continue;
      this.#brokers.set(id, node === answered.nodeId ? answered : this.#newBroker(node));
    }
    for (const [id, broker] of this.#brokers) {
      if (brokers.includes(broker.nodeId)) continue;
      broker.close();
      this.#brokers.delete(id);
    }
  }

  async refreshMetadataIfNecessary(): Promise<void> {
    if (this.isStale) await this.refreshMetadata();
  }

  /** Whether the metadata is too old, or lacks a topic. */
  get isStale(): boolean {
    const topics = this.#topics;
    const now = Date.now();
    // As patches/metadata.ts: the clock was set back.
    if (this.#expiresAtMs > now + this.maxAgeMs) return true;
    if (!topics || now > this.#expiresAtMs) return true;
    for (const topic of this.#targets) if (!topics.has(topic)) return true;
    return false;
  }

  async addMultipleTargetTopics(topics: readonly string[]): Promise<void> {
    const added = topics.filter((topic) => !this.#targets.has(topic));
    for (const topic of added) this.#targets.add(topic);
    if (added.length === 0 && this.#topics) return;
    try {
      await this.refreshMetadata();
      // A refresh that was under way may lack them.
      if (this.isStale) await this.refreshMetadata();
    } catch (error) {
      if (typeOf(error) === "UNKNOWN_TOPIC_OR_PARTITION") {
        for (const topic of added) this.#targets.delete(topic);
      }
      throw error;
    }
  }

  findTopicPartitionMetadata(topic: string): Partition[] {
    if (!this.#topics) throw new KafkaJSTopicMetadataNotLoaded!("Topic metadata not loaded");
    return this.#topics.get(topic) ?? [];
  }

  /** -1: none, or not known. */
  leaderOf({ topic, partition }: TopicPartition): number {
    const list = this.#topics?.get(topic);
    return list?.find(({ partitionId }) => partitionId === partition)?.leader ?? -1;
  }

  findLeaderForPartitions(topic: string, partitions: number[]): Record<string, number[]> {
    const byLeader: Record<string, number[]> = {};
    for (const { partitionId, leader } of this.findTopicPartitionMetadata(topic)) {
      if (partitions.includes(partitionId)) (byLeader[leader] ??= []).push(partitionId);
    }
    return byLeader;
  }

  async findBroker({ nodeId }: { nodeId: string }): Promise<SimulatedBroker> {
    const broker = this.#brokers.get(nodeId);
    try {
      if (!broker) throw brokerNotFound(nodeId);
      if (!broker.isConnected()) await broker.open();
      return broker;
    } catch (error) {
      const name = nameOf(error);
      if (name === "KafkaJSBrokerNotFound" || name === "KafkaJSConnectionError") {
        await this.refreshMetadata();
      }
      throw error;
    }
  }

  async findGroupCoordinator(
    { groupId, coordinatorType = 0 }: { groupId: string; coordinatorType?: number },
  ): Promise<SimulatedBroker> {
    const type = coordinatorType === 0 ? "group" : "transaction";
    const request = { api: "FindCoordinator", type, key: groupId } as const;
    let waitMs = RETRY.firstMs;
    for (let attempt = 0;; attempt++) {
      try {
        const node = await this.#coordinatorNode(request);
        return await this.findBroker({ nodeId: String(node) });
      } catch (error) {
        const isUnknown = nameOf(error) === "KafkaJSBrokerNotFound" ||
          typeOf(error) === "GROUP_COORDINATOR_NOT_AVAILABLE";
        const isRefused = (error as { code?: string }).code === "ECONNREFUSED";
        if (attempt === RETRY.retries || !isUnknown && !isRefused) throw error;
        if (isUnknown) await this.refreshMetadata();
      }
      await pause(waitMs);
      waitMs = Math.min(RETRY.mostMs, waitMs * RETRY.factor);
    }
  }

  async #coordinatorNode(
    request: Extract<Request, { api: "FindCoordinator" }>,
  ): Promise<number> {
    let last: unknown;
    const { random } = this.process;
    const ids = this.getNodeIds().map((nodeId) => ({ nodeId, place: random.next() }));
    for (const { nodeId } of ids.sort((a, b) => a.place - b.place)) {
      try {
        const broker = await this.findBroker({ nodeId });
        const { code, node } = await broker.ask(request);
        if (code !== 0) throw refusal(code);
        return node;
      } catch (error) {
        last = error;
      }
    }
    throw last ?? brokerNotFound("any");
  }

  async fetchTopicsOffset(
    asked: ({ topic: string; partitions: { partition: number }[] } & OffsetChoice)[],
  ): Promise<{ topic: string; partitions: { partition: number; offset: string }[] }[]> {
    const found = new Map<string, { partition: number; offset: string }[]>();
    const requests: Promise<void>[] = [];
    for (const { topic, partitions, ...choice } of asked) {
      if (!("fromBeginning" in choice)) throw new Error("not modelled: offsets by time");
      const at = choice.fromBeginning ? "first" : "end";
      const list: { partition: number; offset: string }[] = [];
      found.set(topic, list);
      const byLeader = this.findLeaderForPartitions(topic, partitions.map((p) => p.partition));
      for (const [nodeId, ofLeader] of Object.entries(byLeader)) {
        const places = ofLeader.map((partition) => ({ topic, partition }));
        requests.push(this.#listOffsets(nodeId, places, at, list));
      }
    }
    await Promise.all(requests);
    return [...found].map(([topic, partitions]) => ({ topic, partitions }));
  }

  async #listOffsets(
    nodeId: string,
    partitions: TopicPartition[],
    at: "first" | "end",
    found: { partition: number; offset: string }[],
  ): Promise<void> {
    const broker = await this.findBroker({ nodeId });
    for (const each of await broker.ask({ api: "ListOffsets", partitions, at })) {
      if (each.code !== 0) throw refusal(each.code);
      found.push({ partition: each.partition, offset: String(each.offset) });
    }
  }
}

function brokerNotFound(nodeId: string): Error {
  return new KafkaJSBrokerNotFound!(`Broker ${nodeId} not found in the cached metadata`);
}
