/**
 * What the loop needs of a client of Kafka. kafkajs's is the one of production; a cluster in memory, with
 * faults, is the other (src/simulation).
 */
import type { Compression } from "../access.ts";
import { compressionOf, createClient } from "../client/client.ts";
import { type Cluster, createCluster } from "../client/cluster.ts";
import { clusterReady, NEEDED } from "../client/cluster_ready.ts";
import { GroupMember } from "../group/member.ts";
import type { Member, MemberOptions } from "../group/membership.ts";
import { type LogReader, withLogReader } from "../readers/log_reader.ts";
import type { ProcessorOptions } from "./options.ts";

export interface ProcessorClient {
  /** The codec for what it writes. */
  readonly compression: Compression;
  /** Connections of its own: for a producer, for committed offsets, for what the logs say. */
  createCluster(): Cluster;
  createMember(options: MemberOptions): Member;
  /** As `clusterReady`. */
  ready(options: {
    readonly topics: readonly string[];
    readonly signal: AbortSignal;
    readonly onWait: (reason: string) => void;
  }): Promise<void>;
  /** Reads logs without a group. */
  withLogReader<T>(work: (reader: LogReader) => Promise<T>): Promise<T>;
}

export function createProcessorClient(options: ProcessorOptions): ProcessorClient {
  const { access, clientId } = options;
  const kafka = createClient(access, clientId, options);
  return {
    compression: compressionOf(kafka),
    createCluster: () => createCluster(kafka),
    createMember: (member) => new GroupMember(kafka, member),
    ready: (what) => clusterReady(kafka, { access, needed: NEEDED[options.guarantee], ...what }),
    withLogReader: (work) => withLogReader(kafka, work),
  };
}
