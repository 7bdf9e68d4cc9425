/** The projection of events to figures; a replay begins it again, from the log. */
import { add, type Aggregate, createAggregate } from "./aggregate.ts";
import { OpenOrders } from "./checks/open_orders.ts";
import { type Clocks, createClocks } from "./clocks.ts";
import type { Fact } from "./facts/fact.ts";
import type { Reading } from "./snapshot.ts";
import { groupSource, logSource, type Source, type SourceOptions } from "./sources.ts";
import { createClient } from "../../kafka/client/client.ts";
import { watchPartitions } from "../../kafka/partition_counts.ts";

export interface Projection {
  readonly aggregate: Aggregate;
  /** Undefined as a member of the group: another member may read an order's outcome. */
  readonly openOrders: OpenOrders | undefined;
  readonly positions: Source["positions"];
  /** Whose clock is off: see clocks.ts. */
  readonly clocks: Pick<Clocks, "off">;
  /** The newest order with an outcome that was read; null before there is one. */
  readonly recentOrder: string | null;
  reading(): Reading;
  /** Starts again from the beginning of the log; ignored while a replay is under way. */
  replay(): void;
  /** Reads until `signal` aborts, or, with `once`, until it has caught up. */
  run(signal: AbortSignal): Promise<void>;
}

type Options = Omit<SourceOptions, "onFacts" | "onCaughtUp" | "onRecreated">;

export function createProjection(
  options: Options & { readonly fromBeginning: boolean },
): Projection {
  const clocks = createClocks(options.log);
  const begin = (createSource: typeof logSource) =>
    beginPass(createSource, options, clocks, restart);
  const restart = () => {
    next = begin(logSource);
    current.ended.abort();
  };
  let current = begin(options.fromBeginning ? logSource : groupSource);
  let next: Pass | undefined;
  const partitions = watchPartitions(createClient(options.access, options.clientId), {
    ...options,
    everyMs: options.metadataMaxAgeMs,
  });
  async function projectAll(signal: AbortSignal): Promise<void> {
    do {
      current = next ?? current;
      next = undefined;
      await current.source.run(AbortSignal.any([signal, current.ended.signal]));
    } while (next !== undefined && !signal.aborted);
  }
  return {
    get aggregate() {
      return current.aggregate;
    },
    get openOrders() {
      return current.openOrders;
    },
    clocks,
    get recentOrder() {
      return current.recentOrder;
    },
    get positions() {
      return current.source.positions;
    },
    reading() {
      const { notReady, ...reading } = current.source.reading();
      return { ...reading, notReady: partitions.fault ?? notReady, startedAt: current.startedAt };
    },
    replay() {
      if (current.source.reading().progress !== null) return;
      restart();
    },
    async run(signal) {
      try {
        void partitions.check();
        await projectAll(signal);
      } finally {
        await partitions.close();
      }
    },
  };
}

/** The figures of one reading of the events; a replay begins another. */
interface Pass {
  readonly aggregate: Aggregate;
  readonly openOrders: OpenOrders | undefined;
  readonly recentOrder: string | null;
  readonly source: Source;
  readonly startedAt: string;
  /** Ends the reading. */
  readonly ended: AbortController;
}

function beginPass(
  createSource: typeof logSource,
  options: Options,
  clocks: Clocks,
  onRecreated: () => void,
): Pass {
  const aggregate = createAggregate();
  const openOrders = createSource === logSource ? new OpenOrders() : undefined;
  let recentOrder: string | null = null;
  const source = createSource({
    ...options,
    onFacts: (facts) => {
      clocks.note(facts, Date.now());
      for (const fact of facts) {
        add(aggregate, fact);
        openOrders?.add(fact);
      }
      recentOrder = facts.findLast(isOutcome)?.orderId ?? recentOrder;
    },
    // Partitions are read at their own pace: so far, late only means read later.
    onCaughtUp() {
      aggregate.lateEvents = 0;
      openOrders?.refine();
    },
    onRecreated,
  });
  return {
    get recentOrder() {
      return recentOrder;
    },
    aggregate,
    openOrders,
    source,
    startedAt: new Date().toISOString(),
    ended: new AbortController(),
  };
}

function isOutcome({ type }: Fact): boolean {
  return type === "OrderConfirmed" || type === "OrderCancelled";
}
