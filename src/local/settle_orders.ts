/** Waits until the pipeline has settled the orders that a simulator places. */
import { Failure } from "../runtime/errors.ts";
import { plural } from "../runtime/format.ts";
import { pause } from "../runtime/shutdown.ts";
import { explain, isKafkaError } from "../kafka/client/errors.ts";
import type { KafkaClient } from "../kafka/client/client.ts";
import { allCaughtUp } from "../kafka/readers/backlog.ts";
import { createGroupLagReader, type GroupLag } from "../kafka/offsets/group_lag.ts";
import { type Names, PROCESSORS } from "../topology.ts";
import { createStall, type Placing, type Tally } from "./tally.ts";
import type { Pipeline } from "./pipeline.ts";
import type { Simulator } from "./simulator.ts";

/** Counts of orders. */
export interface Progress {
  readonly placed: number;
  readonly settled: number;
  readonly total: number;
}

export interface SettlingEvents {
  readonly onProgress: (progress: Progress) => void;
  /** Every order has its outcome; it is waited for before anything else is asked. */
  readonly onSettled?: () => Promise<void>;
}

const POLL_MS = 200;
/** So long after the last outcome it is said what the services have still to read; then this often. */
const WAIT_EVERY_MS = 5_000;
/** Longer than any wait for a member, coordinator or transaction: what is still open then is lost. */
const STALL_LIMIT_MS = 120_000;

/**
 * Resolves when each order that was acknowledged has its outcome and no service has anything left to
 * read, when nothing has been settled for two minutes, or when `signal` aborts.
 *
 * @throws {Error} the simulator failed
 * @throws {Failure} a service keeps dying
 */
export async function settleOrders(
  simulator: Simulator,
  { kafka, names, pipeline, tally, signal, onProgress, onSettled, onNotice }: SettlingEvents & {
    kafka: KafkaClient;
    names: Names;
    pipeline: Pipeline;
    tally: () => Tally;
    signal: AbortSignal;
    onNotice: (line: string) => void;
  },
): Promise<Placing> {
  const stall = createStall();
  const sample = () => {
    const { placed, acknowledged } = simulator;
    const { settled } = tally();
    onProgress({ placed, settled, total: simulator.orders });
    stall.sample({ settled, acknowledged }, performance.now());
  };
  const openOrders = () => simulator.acknowledged - tally().settled;
  const goOn = () => !signal.aborted && stall.presentMs <= STALL_LIMIT_MS;
  const next = async () => {
    sample();
    await pause(POLL_MS, signal);
    pipeline.throwIfFailed();
  };
  while (simulator.process.running && !signal.aborted) await next();
  if (signal.aborted) await simulator.process.stop(5_000);
  const code = await simulator.ended;
  if (!signal.aborted && code !== 0) {
    throw new Failure(`the simulator exited with ${code}: see ${pipeline.logFile("simulator")}`);
  }
  const waiting = createWaitReport({ kafka, names, tally, openOrders, onNotice });
  try {
    while (goOn() && openOrders() > 0) {
      await next();
      await waiting.sample();
    }
    if (goOn()) await onSettled?.();
    // Cancelled orders still have their stock released and their payment refunded.
    const deadline = performance.now() + STALL_LIMIT_MS;
    while (goOn() && !await allCaughtUp(kafka, names)) {
      if (performance.now() > deadline) {
        onNotice(
          "The services have not read everything; the demo continues without waiting for it.",
        );
        break;
      }
      await next();
      await waiting.sample();
    }
  } finally {
    await waiting.close();
  }
  sample();
  const { acknowledged } = simulator;
  if (!signal.aborted && !goOn()) {
    onNotice(
      `Stalled: ${openOrders()} orders are open, and none was settled for ` +
        `${STALL_LIMIT_MS / 1_000} s; the demo continues without them.`,
    );
  }
  return { acknowledged, longestStallMs: stall.longestMs };
}

/** While no order is settled: says every few seconds what the services have still to read, if that has changed. */
function createWaitReport({ kafka, names, tally, openOrders, onNotice }: {
  kafka: KafkaClient;
  names: Names;
  tally: () => Tally;
  openOrders: () => number;
  onNotice: (line: string) => void;
}) {
  const lags = createGroupLagReader(kafka, names);
  let last: string | undefined;
  let lastAtMs = performance.now();
  let { settled } = tally();
  return {
    async sample(): Promise<void> {
      if (tally().settled !== settled) {
        ({ settled } = tally());
        lastAtMs = performance.now();
      }
      if (performance.now() - lastAtMs < WAIT_EVERY_MS) return;
      const line = await lags.read().then((groups) => waitingFor(groups, openOrders()), (error) => {
        if (!isKafkaError(error)) throw error;
        return `Waiting for Kafka: ${explain(error)}`;
      });
      lastAtMs = performance.now();
      if (line !== undefined && line !== last) onNotice(line);
      last = line;
    },
    close: () => lags.close(),
  };
}

/** What the services have still to read, in a line; undefined where that is nothing. */
export function waitingFor(
  groups: readonly Pick<GroupLag, "service" | "topics">[],
  openOrders: number,
): string | undefined {
  const texts = PROCESSORS.flatMap((service) => {
    const behind = groups.find((group) => group.service === service)?.topics
      .filter(({ lagMessages }) => lagMessages > 0)
      .map(({ topic, lagMessages }) => `${plural(lagMessages, "message")} of ${topic}`) ?? [];
    return behind.length > 0 ? [`${service} has ${behind.join(" and ")} to read`] : [];
  });
  if (texts.length > 0) return `Waiting: ${texts.join("; ")}`;
  return openOrders > 0
    ? `Waiting: ${plural(openOrders, "order")} without outcome, although the services have read all`
    : undefined;
}
