/** The events of topics, from the beginning of the log; see log_follower.ts. */
import type { OrderEvent } from "../../events/schemas.ts";
import type { Logger } from "../../runtime/log.ts";
import type { Names, Topic } from "../../topology.ts";
import type { KafkaAccess } from "../access.ts";
import { createClient } from "../client/client.ts";
import { LogFollower } from "./log_follower.ts";
import type { LossMetrics } from "../metrics.ts";
import { decode, type Decoded } from "../../events/codec.ts";
import { REPLAYED_FROM } from "../dead_letters.ts";
import { type DecodedRecord, RecordView } from "../protocol/record.ts";

/** A record, as far as it matters here. */
type Message = Pick<DecodedRecord, "offset" | "key" | "value" | "headers">;

/** As `decode` in src/events/codec.ts; of an event it may take less than all. */
export type Decode<Event> = (topic: Topic, message: Pick<Message, "key" | "value">) =>
  | { readonly ok: true; readonly event: Event }
  | Extract<Decoded, { ok: false }>;

interface EventFollowerOptions<Event> {
  readonly access: KafkaAccess;
  readonly clientId: string;
  readonly topics: readonly Topic[];
  readonly names: Names;
  /** Told the events of one partition, in order; what it throws ends the reading. */
  readonly onEvents: (events: readonly Event[]) => void;
  /** (default: all of an event) */
  readonly decode?: Decode<Event> | undefined;
  readonly log: Logger;
  readonly losses?: LossMetrics | undefined;
  /** A topic was deleted and created anew; it is read from its beginning. */
  readonly onRecreated?: (() => void) | undefined;
  /** After how long a partition whose next batch cannot be read is tried again (default: 5,000). */
  readonly unreadableRetryMs?: number;
}

/** An order waits for no reader here; a few events at a time would take more of the broker's time. */
const GATHER = { minBytes: 64 * 1024, maxWaitMs: 500 };

export class EventFollower<Event = OrderEvent> extends LogFollower {
  /** By topic and partition: the next offset to read. */
  readonly positions: ReadonlyMap<Topic, ReadonlyMap<number, number>>;
  readonly #decoder: EventDecoder<Event>;

  constructor(options: EventFollowerOptions<Event>) {
    const { access, topics, names, log, losses } = options;
    const decoder = createEventDecoder(log, options.decode);
    const byName = new Map(topics.map((topic) => [names.topic(topic), topic]));
    super({
      ...{ access, kafka: createClient(access, options.clientId), topics: [...byName.keys()] },
      unreadableRetryMs: options.unreadableRetryMs,
      gather: GATHER,
      onBatch({ topic, partition, records }) {
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

/**
 * Messages to events, for readers that publish nothing: what cannot be decoded is counted and reported at
 * most once a minute, and stops no reader.
 */
export interface EventDecoder<Event> {
  /** The events among `messages`, in order. */
  decode(
    from: { readonly topic: Topic; readonly partition: number },
    messages: readonly Message[],
  ): Event[];
  /** How many messages were no events so far. */
  readonly undecodable: number;
}

const REPORT_EVERY_MS = 60_000;

const decodeWhole: Decode<OrderEvent> = (topic, { key, value }) => decode(topic, key, value);

const replayedFrom = new TextEncoder().encode(REPLAYED_FROM);

/** Without reading the headers where that can be. */
function isReplay(message: Message): boolean {
  return message instanceof RecordView
    ? message.hasHeader(replayedFrom)
    : REPLAYED_FROM in message.headers;
}

/** @param nowMs a clock that never goes back, milliseconds */
export function createEventDecoder<Event = OrderEvent>(
  log: Pick<Logger, "warn">,
  decodeEvent = decodeWhole as unknown as Decode<Event>,
  nowMs: () => number = () => performance.now(),
): EventDecoder<Event> {
  let undecodable = 0;
  let reportedAtMs = -Infinity;
  return {
    decode({ topic, partition }, messages) {
      const events: Event[] = [];
      for (const message of messages) {
        // Read before, when it came first: a replay is for the service that could not process it.
        if (isReplay(message)) continue;
        const decoded = decodeEvent(topic, message);
        if (decoded.ok) {
          events.push(decoded.event);
          continue;
        }
        undecodable++;
        if (nowMs() - reportedAtMs < REPORT_EVERY_MS) continue;
        reportedAtMs = nowMs();
        const { reason, detail } = decoded.fault;
        log.warn(
          `not an event, left out: ${topic} partition ${partition} offset ${message.offset}: ${reason}: ` +
            `${detail} (${undecodable} so far)`,
        );
      }
      return events;
    },
    get undecodable() {
      return undecodable;
    },
  };
}
