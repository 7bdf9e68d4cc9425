/**
 * The consume-transform-produce loop: reads the topics of a service as one member of its consumer
 * group, hands batches of one partition to the service's handlers, and publishes what they return
 * together with the batch's offset. docs/exactly-once.md says why nothing is lost or doubled.
 *
 * Any error in a transaction: the partition is closed and assigned again, which fences, reads the
 * committed offset and starts from there. Whatever the error was, that is always right.
 */
import { aborted, settlesWithin } from "../../runtime/shutdown.ts";
import { deadLetterTopicOf, topicsReadBy, topicsWrittenBy } from "../../topology.ts";
import { explain, isCoordinatorMoving } from "../client/errors.ts";
import { keepMember } from "../group/member.ts";
import type { Crash } from "../group/membership.ts";
import { watchPartitions } from "../partition_counts.ts";
import { MAX_PART_BYTES } from "../producer/partitioning.ts";
import { createProcessorClient, type ProcessorClient } from "./client.ts";
import type { PartitionsOptions, ProcessorOptions } from "./options.ts";
import { FETCH_BYTES } from "./pacing.ts";
import { Partitions } from "./partitions.ts";

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

/** A new cluster's coordinator takes a second or so to load: not worth a warning. */
const QUIET_RESTARTS = 4;

/**
 * As large as a batch of ours: a larger one waits until the shuffled fetch has it first. Smaller would
 * starve partitions; larger would leave the fetch to few of them, and most of a partition's time is
 * waiting.
 */
export const FETCH_BYTES_PER_PARTITION = MAX_PART_BYTES;
/**
 * A fetch is answered with the first record, or after this time. It is the pause before it that lets
 * records come together (pacing.ts).
 */
const FETCH_WAIT_MS = 100;
const FETCH_MIN_BYTES = 1;
/** All of a member, side by side: what bounds them is FETCH_BYTES. */
const MAX_PARTITIONS_AT_WORK = 1_000;

type SetState = (reason: string | undefined) => void;

/** @param client of Kafka (default: kafkajs's) */
export function createProcessor(
  options: ProcessorOptions,
  client: ProcessorClient = createProcessorClient(options),
): Processor {
  const { names, service, log, metrics, metadataMaxAgeMs } = options;
  const deadLetters = deadLetterTopicOf(service);
  const transactionalId = names.memberTransactionalId(service);
  let state: string | undefined = "starting";
  const setState: SetState = (next) => {
    if (next === state) return;
    if (next) log.warn(next);
    else log.info("working");
    state = next;
  };

  const watch = watchPartitions(client, {
    names,
    deadLetters,
    everyMs: metadataMaxAgeMs,
    onCounts: (counts) => {
      for (const [topic, count] of counts) metrics.topicPartitions.set({ topic }, count);
    },
    log,
  });
  const inputs = topicsReadBy(service).map((topic) => names.topic(topic));
  const outputs = [...topicsWrittenBy(service), deadLetters].map((topic) => names.topic(topic));

  async function start(signal: AbortSignal): Promise<Crash | undefined> {
    await client.ready({
      topics: [...inputs, ...outputs],
      signal,
      onWait: setState,
    });
    await watch.check();
    return signal.aborted
      ? undefined
      : await runMember(client, { ...options, transactionalId }, signal, setState);
  }

  let restarts = 0;
  function onCrash(error: unknown): void {
    if (isCoordinatorMoving(error) && ++restarts <= QUIET_RESTARTS) return;
    const group = `${inputs.join(", ")} as group ${names.group(service)}`;
    setState(`the consumer stopped (${group}: ${explain(error)}); starting it again`);
  }

  return {
    // What is wrong with the topics is the reason of whatever else is failing.
    notReady: () => watch.fault ?? state,
    async run(signal) {
      try {
        await keepMember(signal, () => start(signal), onCrash);
        state = "stopped";
      } finally {
        await watch.close();
      }
    },
  };
}

/** One member of the service's group, until `signal` aborts (undefined) or it crashes. */
async function runMember(
  client: ProcessorClient,
  options: PartitionsOptions,
  signal: AbortSignal,
  setState: SetState,
): Promise<Crash | undefined> {
  const { names, service, metrics } = options;
  const member = client.createMember({
    ...options,
    group: names.group(service),
    topics: new Map(topicsReadBy(service).map((topic) => [names.topic(topic), topic])),
    fetch: {
      maxBytes: FETCH_BYTES,
      maxBytesPerPartition: FETCH_BYTES_PER_PARTITION,
      minBytes: FETCH_MIN_BYTES,
      maxWaitTimeInMs: FETCH_WAIT_MS,
    },
    concurrency: MAX_PARTITIONS_AT_WORK,
  });
  // What it still has in hand when it has ended is no state of the next one.
  let hasEnded = false;
  // A partition that commits nothing needs no coordinator; the service does.
  const onState = () => hasEnded || setState(member.notReady ?? partitions.notReady);
  const partitions = new Partitions(client, member, options, 2 * FETCH_WAIT_MS, onState);
  member.onRebalancing(() => metrics.rebalances.inc());
  try {
    const crash = await member.run(signal, {
      onAssigned: (assignment, generation) => partitions.onAssigned(assignment, generation),
      onBatch: (payload) => partitions.onBatch(payload),
      onRejoin: () => partitions.onRejoin(),
      onState,
      onStop: () => partitions.stop(),
    });
    // The next member's fence would abort what a commit that is still asked for may have decided.
    const idle = Promise.race([partitions.idle(), aborted(signal)]);
    await settlesWithin(idle, options.transactionTimeoutMs);
    return crash;
  } finally {
    hasEnded = true;
  }
}
