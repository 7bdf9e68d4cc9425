/**
 * The figures and where they come from, as one: a replay begins both anew, from the first event in the
 * log, in no group; whatever was read as a member of the group before ends with it.
 */
import { add, type Aggregate, createAggregate } from "./aggregate.ts";
import { type Clocks, createClocks } from "./clocks.ts";
import type { Reading } from "./snapshot.ts";
import { createClient } from "../../kafka/client/client.ts";
import { watchPartitions } from "../../kafka/partition_counts.ts";
import { groupSource, logSource, type Source, type SourceOptions } from "./source.ts";

export interface Projection {
  readonly aggregate: Aggregate;
  readonly positions: Source["positions"];
  /** Whose clock is off: see clocks.ts. */
  readonly clocks: Pick<Clocks, "off">;
  reading(): Reading;
  /** Counts anew, from the beginning of the log; while it is still doing so, goes on with it. */
  replay(): void;
  /** Reads until `signal` aborts, or, with `once`, until it has caught up. */
  run(signal: AbortSignal): Promise<void>;
}

export function createProjection(
  options: Omit<SourceOptions, "onEvents" | "onCaughtUp" | "onRecreated"> & {
    readonly fromBeginning: boolean;
  },
): Projection {
  const clocks = createClocks(options.log);
  const begin = (createSource: typeof logSource) => {
    const aggregate = createAggregate();
    const source = createSource({
      ...options,
      onEvents: (events) => {
        clocks.note(events, Date.now());
        for (const event of events) add(aggregate, event);
      },
      // Topics and partitions of a log are read at their own pace, which makes nothing late.
      onCaughtUp: () => aggregate.lateEvents = 0,
      onRecreated: restart,
    });
    return { aggregate, source, startedAt: new Date().toISOString(), ended: new AbortController() };
  };
  const restart = () => {
    next = begin(logSource);
    current.ended.abort();
  };
  let current = begin(options.fromBeginning ? logSource : groupSource);
  let next: typeof current | undefined;
  const watch = watchPartitions(createClient(options.access, options.clientId), {
    ...options,
    everyMs: options.metadataMaxAgeMs,
  });
  async function countAll(signal: AbortSignal): Promise<void> {
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
    clocks,
    get positions() {
      return current.source.positions;
    },
    reading() {
      const { notReady, ...reading } = current.source.reading();
      return { ...reading, notReady: watch.fault ?? notReady, startedAt: current.startedAt };
    },
    replay() {
      if (current.source.reading().progress !== null) return;
      restart();
    },
    async run(signal) {
      try {
        void watch.look();
        await countAll(signal);
      } finally {
        await watch.close();
      }
    },
  };
}
