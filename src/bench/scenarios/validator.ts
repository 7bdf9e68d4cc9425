/** The validator alone, with all orders waiting for it when it starts. */
import { pause } from "../../runtime/shutdown.ts";
import { isKafkaError } from "../../kafka/client/errors.ts";
import { createGroupLagReader } from "../../kafka/offsets/group_lag.ts";
import { type MeasuredPipeline, withPipeline } from "../pipeline.ts";
import { usageOf } from "../usage.ts";
import type { Context, Measured } from "./scenario.ts";

/** How far the service is, and what it has used by then. */
interface Position {
  readonly read: number;
  readonly atMs: number;
  readonly cpuSeconds: number;
  readonly peakMiB: number;
}

/** Before this it starts and is compiled. */
const WARM_UP_SHARE = 1 / 5;
const POLL_MS = 100;

export function validator({ checkout, config, signal }: Context): Promise<Measured> {
  const orders = config.backlog;
  return withPipeline({ checkout, orders, signal }, async (pipeline) => {
    const simulator = pipeline.startSimulator({ orders, rate: 0 });
    await simulator.ended;
    signal.throwIfAborted();
    await pipeline.services.scale("validator", 1);
    const { warm, end } = await readAll(pipeline, simulator.acknowledged, signal);
    const read = end.read - warm.read;
    return {
      figures: [
        {
          label: "read after the first fifth",
          unit: "orders/s",
          value: 1_000 * read / (end.atMs - warm.atMs),
        },
        {
          label: "CPU an order",
          unit: "µs",
          value: 1e6 * (end.cpuSeconds - warm.cpuSeconds) / read,
        },
        { label: "peak memory", unit: "MiB", value: end.peakMiB },
      ],
    };
  });
}

/** Waits until all is read; where it was after the first fifth, and at the end. */
async function readAll(
  { services, kafka, names }: MeasuredPipeline,
  orders: number,
  signal: AbortSignal,
): Promise<{ warm: Position; end: Position }> {
  const lags = createGroupLagReader(kafka, names, "validator");
  /** undefined while the group has no coordinator. */
  const look = async (): Promise<Position | undefined> => {
    const [group] = await lags.read().catch((error) => {
      if (!isKafkaError(error)) throw error;
      return [];
    });
    if (!group) return undefined;
    const usage = await usageOf(services.members("validator")[0]!.pid);
    return { ...usage, read: orders - group.lagMessages, atMs: performance.now() };
  };
  try {
    let warm: Position | undefined;
    for (;;) {
      const now = await look();
      if (now && now.read >= WARM_UP_SHARE * orders) warm ??= now;
      if (warm && now && now.read >= orders) return { warm, end: now };
      services.throwIfFailed();
      await pause(POLL_MS, signal);
      signal.throwIfAborted();
    }
  } finally {
    await lags.close();
  }
}
