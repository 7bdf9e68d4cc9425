/**
 * The consume-transform-produce loop: reads the topics of a service as one member of its consumer
 * group, hands batches of one partition to the service's handlers, and publishes what they return
 * together with the batch's offset. See partition_writer.ts for the two guarantees.
 *
 * Any error in a transaction: the lane is closed and taken over again, which fences, reads the
 * committed offset and starts from there. Whatever the error was, that is always right.
 */
import type { Logger } from "../../runtime/log.ts";
import type { KafkaAccess } from "../access.ts";
import { pause } from "../../runtime/shutdown.ts";
import {
  deadLetterTopicOf,
  type Names,
  type Processor as ProcessorName,
  type Topic,
  topicsReadBy,
  topicsWrittenBy,
} from "../../topology.ts";
import { createClient } from "../client/client.ts";
import { isCoordinatorMoving } from "../client/errors.ts";
import { explain } from "../client/errors.ts";
import { clusterReady } from "../client/cluster_ready.ts";
import type { EventOf, Handler } from "./handler.ts";
import type { ProcessorMetrics } from "../metrics.ts";
import { watchPartitions } from "../partition_counts.ts";
import { Session } from "./session.ts";
import type { ServiceTables } from "./assignment.ts";

export const GUARANTEES = ["exactly_once", "at_least_once"] as const;
export type Guarantee = typeof GUARANTEES[number];

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
  /** How long the group waits for a member that says nothing. */
  readonly sessionTimeoutMs: number;
  /** How long the cluster lets a transaction stay open; at most the session timeout. */
  readonly transactionTimeoutMs: number;
  /** Most messages in one transaction. */
  readonly maxBatch: number;
  /** How long a stop may take before it is given up. */
  readonly drainTimeoutMs: number;
  /** How long the cluster may take for an answer; as createClient has it unless said. */
  readonly requestTimeoutMs?: number;
  /** How old what is known of the topics may become; METADATA_MAX_AGE_MS unless said. */
  readonly metadataMaxAgeMs?: number;
  /** How often the topics' ids are compared while nothing gives a reason to: 30,000 unless said. */
  readonly topicCheckMs?: number;
  readonly log: Logger;
  readonly metrics: ProcessorMetrics;
}

export interface Processor {
  /**
   * Processes until `signal` aborts, through restarts and absences of the cluster.
   *
   * @throws whatever is a bug: the process should end
   */
  run(signal: AbortSignal): Promise<void>;
  /** Why it is not ready, or undefined when it is a member of its group and works. */
  notReady(): string | undefined;
}

/** How long to wait before a consumer that crashed is started again. */
const RESTART_PAUSE_MS = 500;
/** A new cluster's coordinator takes a second or so to load: nothing to worry anybody with. */
const QUIET_RESTARTS = 4;

export function createProcessor(options: ProcessorOptions): Processor {
  const { names, service, log, metrics, metadataMaxAgeMs } = options;
  const deadLetters = deadLetterTopicOf(service);
  let state: string | undefined = "starting";
  const setState = (next: string | undefined) => {
    if (next === state) return;
    if (next) log.warn(next);
    else log.info("working");
    state = next;
  };

  const kafka = createClient(options.access, options.clientId, options);
  const watch = watchPartitions(kafka, {
    names,
    deadLetters,
    everyMs: metadataMaxAgeMs,
    onCounts: (counts) => {
      for (const [topic, count] of counts) metrics.topicPartitions.set({ topic }, count);
    },
    log,
  });

  async function runSessions(signal: AbortSignal): Promise<void> {
    const topics = topicsReadBy(service);
    const needed = [...topics, ...topicsWrittenBy(service), deadLetters]
      .map((topic) => names.topic(topic));
    let quietRestarts = 0;
    while (!signal.aborted) {
      await clusterReady(kafka, {
        access: options.access,
        topics: needed,
        signal,
        onWait: setState,
      });
      await watch.look();
      if (signal.aborted) break;
      const session = new Session(kafka, topics, options, setState);
      const end = await session.run(signal);
      if (end?.fatal) throw end.error;
      if (end) {
        if (!isCoordinatorMoving(end.error) || ++quietRestarts > QUIET_RESTARTS) {
          const inputs = topics.map((topic) => names.topic(topic)).join(", ");
          setState(
            `the consumer stopped (${inputs} as group ${names.group(service)}: ` +
              `${explain(end.error)}); starting it again`,
          );
        }
        await pause(RESTART_PAUSE_MS, signal);
      }
    }
    state = "stopped";
  }

  return {
    // What is wrong with the topics is the reason of what else does not get on.
    notReady: () => watch.fault ?? state,
    async run(signal) {
      try {
        await runSessions(signal);
      } finally {
        await watch.close();
      }
    },
  };
}
