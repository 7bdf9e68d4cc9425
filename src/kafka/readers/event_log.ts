/** The events of topics, from the beginning of the log; see log_follower.ts. */
import type { OrderEvent } from "../../events/schemas.ts";
import type { Logger } from "../../runtime/log.ts";
import type { Names, Topic } from "../../topology.ts";
import type { KafkaAccess } from "../access.ts";
import { createClient } from "../client/client.ts";
import { createEventDecoder } from "./event_decoder.ts";
import { LogFollower } from "./log_follower.ts";
import type { LossMetrics } from "../metrics.ts";

export interface EventLogOptions {
  readonly access: KafkaAccess;
  readonly clientId: string;
  readonly topics: readonly Topic[];
  readonly names: Names;
  /** Told the events of one partition, in order; what it throws ends the reading. */
  readonly onEvents: (events: readonly OrderEvent[]) => void;
  readonly log: Logger;
  readonly losses?: LossMetrics | undefined;
  /** A topic was deleted and created anew; it is read from its beginning. */
  readonly onRecreated?: (() => void) | undefined;
  /** After how long a partition whose next batch cannot be read is tried again (default: 5,000). */
  readonly unreadableRetryMs?: number;
}

export interface EventLog
  extends
    Pick<LogFollower, "notReady" | "records" | "passed" | "expected" | "partitions">,
    Pick<LogFollower, "readToEnd" | "follow"> {
  /** By topic and partition: the next offset to read. */
  readonly positions: ReadonlyMap<Topic, ReadonlyMap<number, number>>;
  /** Messages that were no events. */
  readonly undecodable: number;
}

export function createEventLog(options: EventLogOptions): EventLog {
  const { access, topics, names, log, losses } = options;
  const decoder = createEventDecoder(log);
  const byName = new Map(topics.map((topic) => [names.topic(topic), topic]));
  const follower = new LogFollower({
    ...{ access, kafka: createClient(access, options.clientId), topics: [...byName.keys()] },
    unreadableRetryMs: options.unreadableRetryMs,
    onRecords(records) {
      const { topic, partition } = records[0]!;
      options.onEvents(decoder.decode({ topic: byName.get(topic)!, partition }, records));
    },
    onLoss(line, { topic: name, why, count }) {
      log.warn(line);
      const topic = byName.get(name)!;
      if (why === "recreated") {
        losses?.recreations.inc({ topic }, count);
        options.onRecreated?.();
      } else if (why !== "unreadable") losses?.recordsLost.inc({ topic, why }, count);
    },
    onState(notReady) {
      if (notReady) log.warn(notReady);
      else log.info("reading the log");
    },
  });
  const { positions } = follower;
  return {
    readToEnd: (signal) => follower.readToEnd(signal),
    follow: (signal) => follower.follow(signal),
    notReady: () => follower.notReady(),
    positions: new Map(topics.map((topic) => [topic, positions.get(names.topic(topic))!])),
    get records() {
      return follower.records;
    },
    get passed() {
      return follower.passed;
    },
    get expected() {
      return follower.expected;
    },
    get partitions() {
      return follower.partitions;
    },
    get undecodable() {
      return decoder.undecodable;
    },
  };
}
