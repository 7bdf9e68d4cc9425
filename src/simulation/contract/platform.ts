/** What a case of the contract needs of a Kafka, be it real or in memory. */
import type { ClusterSource } from "../../kafka/client/cluster.ts";
import type { Member, MemberOptions } from "../../kafka/group/membership.ts";
import type { TopicPartition } from "../../kafka/protocol/requests.ts";
import type { FetchAnswer, FetchOptions } from "./requests.ts";
import type { Client } from "./client.ts";

/** A time-out that a case waits for; longer than a busy machine keeps the requests before it waiting. */
export const SHORT_MS = 2_500;

export interface Platform {
  /** How many brokers it has; their ids begin with 1. */
  readonly nodes: number;
  /** For what makes its own connections. */
  readonly source: ClusterSource;
  /** The case's own. */
  readonly client: Client;
  /** Another one, with connections of its own: a request that waits keeps those behind it waiting. */
  connect(): Promise<Client>;
  createMember(options: MemberOptions): Member;
  /** A name that no other case has: of a topic, a transactional id or a group. */
  freshName(): string;
  /**
   * A topic of its own, with a copy on every node.
   *
   * @param name (default: a fresh one)
   * @returns its name, when the leaders of its partitions answer
   */
  createTopic(partitions: number, name?: string): Promise<string>;
  deleteTopic(topic: string): Promise<void>;
  /** @param count how many there are then */
  addPartitions(topic: string, count: number): Promise<void>;
  deleteRecords(place: TopicPartition, before: number): Promise<void>;
  /** Asks the partition's leader once, by default for committed records. */
  fetch(
    place: TopicPartition,
    offset: number,
    options?: Partial<FetchOptions> & { readonly client?: Client; readonly node?: number },
  ): Promise<FetchAnswer>;

  // Of several nodes.

  /** To another node. @returns the old one, when the new one leads and all say so */
  moveLeader(place: TopicPartition): Promise<number>;
  moveCoordinator(type: "group" | "transaction", key: string): Promise<number>;
  /** Ends it without a goodbye. */
  killNode(node: number): Promise<void>;
  startNode(node: number): Promise<void>;
}
