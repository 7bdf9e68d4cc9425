/** The events of topics, from the beginning of the log; see log_follower.ts. */
import type { OrderEvent } from "../../events/schemas.ts";
import type { Logger } from "../../runtime/log.ts";
import type { Names, Topic } from "../../topology.ts";
import type { KafkaAccess } from "../access.ts";
import { createClient } from "../client/client.ts";
import { createEventDecoder, type EventDecoder } from "./event_decoder.ts";
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

export class EventLog extends LogFollower {
  /** By topic and partition: the next offset to read. */
  readonly positions: ReadonlyMap<Topic, ReadonlyMap<number, number>>;
  readonly #decoder: EventDecoder;

  constructor(options: EventLogOptions) {
    const { access, topics, names, log, losses } = options;
    const decoder = createEventDecoder(log);
    const byName = new Map(topics.map((topic) => [names.topic(topic), topic]));
    super({
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
    this.#decoder = decoder;
    this.positions = new Map(
      topics.map((topic) => [topic, this.nextOffsets.get(names.topic(topic))!]),
    );
  }

  /** Messages that were no events. */
  get undecodable(): number {
    return this.#decoder.undecodable;
  }
}

export const createEventLog = (options: EventLogOptions) => new EventLog(options);
