/** How fast one service reads what waits for it when it starts, and what that takes. */
import { pause } from "../../runtime/shutdown.ts";
import type { Service } from "../../topology.ts";
import type { Figure, Unit } from "../figures.ts";
import type { MeasuredPipeline } from "../pipeline.ts";
import { type Usage, usageOf } from "../usage.ts";

/** How far the service is. */
interface Progress {
  /** Orders or events that it has read. */
  readonly read: number;
  /** The share of all that waited for it: 1 at the end. */
  readonly share: number;
}

/** The same, and what it has used by then. */
export interface Position extends Progress, Pick<Usage, "cpuSeconds" | "peakMiB"> {
  readonly atMs: number;
}

/** Before this it starts and is compiled. */
const WARM_UP_SHARE = 1 / 5;
const POLL_MS = 100;

/**
 * Starts the service, and measures it until it has read everything.
 *
 * @param unit what it reads
 * @param progress undefined while that is not known
 */
export async function measureBacklog(
  { services }: Pick<MeasuredPipeline, "services">,
  { service, unit, progress, signal }: {
    service: Service;
    unit: "order" | "event";
    progress: () => Promise<Progress | undefined>;
    signal: AbortSignal;
  },
): Promise<Figure[]> {
  await services.scale(service, 1);
  const look = async (): Promise<Position | undefined> => {
    const now = await progress();
    const { cpuSeconds, peakMiB } = await usageOf(services.members(service)[0]!.pid);
    return now && { ...now, cpuSeconds, peakMiB, atMs: performance.now() };
  };
  let warm: Position | undefined;
  for (;;) {
    const now = await look();
    if (now && now.share >= WARM_UP_SHARE) warm ??= now;
    if (warm && now && now.share >= 1) return backlogFigures(unit, warm, now);
    services.throwIfFailed();
    await pause(POLL_MS, signal);
    signal.throwIfAborted();
  }
}

export function backlogFigures(unit: "order" | "event", warm: Position, end: Position): Figure[] {
  const read = end.read - warm.read;
  return [
    {
      label: "read after the first fifth",
      unit: `${unit}s/s` satisfies Unit,
      value: 1_000 * read / (end.atMs - warm.atMs),
    },
    {
      label: `CPU an ${unit}`,
      unit: "µs",
      value: 1e6 * (end.cpuSeconds - warm.cpuSeconds) / read,
    },
    { label: "peak memory", unit: "MiB", value: end.peakMiB },
  ];
}
