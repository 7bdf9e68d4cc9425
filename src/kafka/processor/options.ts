/** What a processor is told; a leaf, so that every part of it can read its own. */
import type { Logger } from "../../runtime/log.ts";
import type { Names, Processor as ProcessorName, Topic } from "../../topology.ts";
import type { KafkaAccess } from "../access.ts";
import type { ProcessorMetrics } from "../metrics.ts";
import type { ServiceTables } from "./assignment.ts";
import type { Tracing } from "../tracing/tracing.ts";
import type { EventOf, Handler } from "./handler.ts";

export const GUARANTEES = ["exactly_once", "at_least_once"] as const;
export type Guarantee = typeof GUARANTEES[number];

/** Where handlers are done within the turn, as with SQLite: see docs/performance.md. */
export const MAX_TURN = 300;

export interface ProcessorOptions {
  readonly access: KafkaAccess;
  /** This process's name, unique among the members of its group. */
  readonly clientId: string;
  readonly service: ProcessorName;
  readonly names: Names;
  /** One for each topic that the topology says the service reads. */
  readonly handlers: { readonly [T in Topic]?: Handler<EventOf<T>> };
  /** Absent: the service keeps none, and goes where its group is. */
  readonly tables?: ServiceTables;
  readonly guarantee: Guarantee;
  /** What its events name as their source in CloudEvents headers; absent: they have none. */
  readonly cloudEventSource?: string | undefined;
  /** How long the group waits for a member that says nothing. */
  readonly sessionTimeoutMs: number;
  /** How long the cluster lets a transaction stay open: longer than it may be without a coordinator. */
  readonly transactionTimeoutMs: number;
  /** Most messages in one transaction. */
  readonly maxBatch: number;
  /**
   * Most messages that are worked on before the event loop takes its next turn, and the rest of one batch
   * (default: all that is fetched). A whole fetch at once fills V8's semi-space with events that all live,
   * and each scavenge copies them.
   */
  readonly maxTurn?: number | undefined;
  /** How long a stop may take before it is given up. */
  readonly drainTimeoutMs: number;
  /** How long the cluster may take for an answer (default: as createClient has it). */
  readonly requestTimeoutMs?: number;
  /** How old what is known of the topics may become (default: METADATA_MAX_AGE_MS). */
  readonly metadataMaxAgeMs?: number;
  /** How often the topics' ids are compared while nothing gives a reason to (default: 30,000). */
  readonly topicCheckMs?: number;
  readonly log: Logger;
  readonly metrics: ProcessorMetrics;
  /** Absent: nothing is traced. */
  readonly tracing?: Tracing | undefined;
}

/** Of one member. */
export interface PartitionsOptions extends ProcessorOptions {
  /** The same for every member that this process becomes, one after the other. */
  readonly transactionalId: string;
}
