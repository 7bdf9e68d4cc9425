/** One of each kind of reader and writer of Kafka, as the programs run them. */
import { pause } from "../../runtime/shutdown.ts";
import type { Logger } from "../../runtime/log.ts";
import type { Names } from "../../topology.ts";
import { createClient } from "../client/client.ts";
import { explain, isKafkaError } from "../client/errors.ts";
import { EventFollower } from "../readers/event_follower.ts";
import { createGroupLagReader } from "../offsets/group_lag.ts";
import { openPublisher, type Publisher } from "../producer/publisher.ts";
import { createGroupConsumer } from "../group_consumer/group_consumer.ts";
import { placed, publication, refuse, startValidator } from "./topics.ts";

export const READER_KINDS = [
  "processor",
  "group consumer",
  "event follower",
  "group lag",
  "publisher",
] as const;
type ReaderKind = typeof READER_KINDS[number];

export interface Reader {
  readonly kind: ReaderKind;
  /** Orders read or written, or answers got, so far. */
  readonly done: number;
  /** Its warnings. */
  readonly said: readonly string[];
  /** Why it ended by itself; undefined while it runs. */
  readonly failure: unknown;
  stop(): Promise<void>;
}

const ASK_EVERY_MS = 200;

/**
 * Starts one; a publisher writes an order every now and then, which the others read.
 *
 * @param clientPrefix what its client ids begin with
 */
export function startReader(
  kind: ReaderKind,
  { bootstrap, names, clientPrefix }: { bootstrap: string; names: Names; clientPrefix: string },
): Reader {
  const said: string[] = [];
  const controller = new AbortController();
  let done = 0;
  let failure: unknown;
  const count = (items: readonly unknown[]) => void (done += items.length);
  const log = {
    debug() {},
    info() {},
    warn: (line: string) => said.push(line),
  } as unknown as Logger;
  const place: Place = {
    bootstrap,
    names,
    clientId: `${clientPrefix}${kind}`,
    signal: controller.signal,
    log,
  };
  const ended = START[kind](place, count).catch((error) => {
    failure = error;
  });
  return {
    kind,
    get done() {
      return done;
    },
    said,
    get failure() {
      return failure;
    },
    async stop() {
      controller.abort();
      await ended;
    },
  };
}

interface Place {
  readonly bootstrap: string;
  readonly names: Names;
  readonly clientId: string;
  readonly signal: AbortSignal;
  readonly log: Logger;
}

type Start = (place: Place, count: (items: readonly unknown[]) => void) => Promise<void>;

const DRAIN_TIMEOUT_MS = 5_000;

const START: { readonly [K in ReaderKind]: Start } = {
  processor({ bootstrap, names, clientId, signal, log }, count) {
    const { ended, stop } = startValidator(bootstrap, names, (batch) => {
      count(batch);
      return refuse(batch);
    }, { clientId, log, drainTimeoutMs: DRAIN_TIMEOUT_MS });
    signal.addEventListener("abort", () => void stop());
    return ended;
  },
  "group consumer": ({ bootstrap, signal, ...place }, onEvents) =>
    createGroupConsumer({
      ...place,
      access: { brokers: [bootstrap] },
      // It reads what the processor writes, too; its group is not the processor's.
      service: "analytics",
      onEvents,
      drainTimeoutMs: DRAIN_TIMEOUT_MS,
    }).run(signal),
  "event follower": ({ bootstrap, signal, ...place }, onEvents) =>
    new EventFollower({
      ...place,
      access: { brokers: [bootstrap] },
      topics: ["orders.raw"],
      onEvents,
    }).follow(signal),
  async "group lag"({ bootstrap, names, clientId, signal, log }, count) {
    const lags = createGroupLagReader(createClient({ brokers: [bootstrap] }, clientId), names);
    await again(async () => count([await lags.read()]), { signal, log });
    await lags.close();
  },
  async publisher({ bootstrap, names, clientId, signal, log }, count) {
    const kafka = createClient({ brokers: [bootstrap] }, clientId);
    let publisher: Publisher | undefined;
    let sequence = 0;
    await again(async () => {
      try {
        const onDelay = (error: Error) => log.warn(error.message);
        publisher ??= await openPublisher(kafka, names.topic("orders.raw"), onDelay);
        await publisher.publish([publication(placed(sequence++))]);
        count([sequence]);
      } catch (error) {
        await publisher?.close();
        publisher = undefined;
        throw error;
      }
    }, { signal, log });
    await publisher?.close();
  },
};

/** As the programs do: an error of Kafka's is logged and tried again; any other ends it. */
async function again(
  work: () => Promise<void>,
  { signal, log }: { signal: AbortSignal; log: Logger },
): Promise<void> {
  while (!signal.aborted) {
    try {
      await work();
    } catch (error) {
      if (!isKafkaError(error)) throw error;
      log.warn(explain(error));
    }
    await pause(ASK_EVERY_MS, signal);
  }
}
