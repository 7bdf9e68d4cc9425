/**
 * One member of each service, then several: what they settle flat out, and how long a partition stands
 * still while the second ones join.
 */
import { decode } from "../../events/codec.ts";
import type { LogRecord } from "../../kafka/records.ts";
import { groupSize } from "../../kafka/client/client.ts";
import { Failure } from "../../runtime/errors.ts";
import { pause } from "../../runtime/shutdown.ts";
import { until } from "../../runtime/until.ts";
import { PROCESSORS } from "../../topology.ts";
import { measure, startServices, untilWarm } from "../measure.ts";
import { type MeasuredPipeline, withPipeline } from "../pipeline.ts";
import { cpuPerOrder } from "../processes.ts";
import { PartitionStalls } from "../stalls.ts";
import { MOST_SLICES } from "../warm_up.ts";
import type { Context, Measured } from "./scenario.ts";

export function members({ checkout, config, signal, say }: Context): Promise<Measured> {
  const { members, orders, rate, seconds, warmUp } = config;
  const stock = 2 * orders + rate * seconds + 2 * MOST_SLICES * warmUp;
  const stalls = new PartitionStalls();
  const onOutcomes = (records: readonly LogRecord[]) => {
    if (records.some(isFulfilled)) stalls.seen(records[0]!.partition, performance.now());
  };
  return withPipeline({ checkout, orders: stock, onOutcomes, signal }, async (pipeline) => {
    const flatOut = async () => {
      await untilWarm(pipeline, { orders: warmUp, rate: 0 }, say);
      return await measure(pipeline, { orders, rate: 0 });
    };
    await startServices(pipeline);
    const one = await flatOut();
    stalls.begin();
    let haveJoined = false;
    await Promise.all([
      measure(pipeline, { orders: rate * seconds, rate }).then(() => {
        if (!haveJoined) throw new Failure(`--seconds ${seconds}: too few for all members to join`);
      }),
      pause(1_000 * seconds / 4, signal).then(() => scale(pipeline, members))
        .then(() => haveJoined = true),
    ]);
    const stallMs = stalls.longestMs;
    const several = await flatOut();
    return {
      figures: [
        { label: "1 member: orders settled", unit: "orders/s", value: one.settledPerSecond },
        {
          label: "1 member: CPU an order, the four services",
          unit: "µs",
          value: cpuPerOrder(one.use, ...PROCESSORS),
        },
        {
          label: `${members} members: orders settled`,
          unit: "orders/s",
          value: several.settledPerSecond,
        },
        {
          label: `${members} members: CPU an order, the four services`,
          unit: "µs",
          value: cpuPerOrder(several.use, ...PROCESSORS),
        },
        {
          label: `1 to ${members} members: longest stall of a partition`,
          unit: "ms",
          value: stallMs,
        },
      ],
    };
  });
}

/**
 * Resolves when each group has so many members: one service after another, since programs that start take
 * the cores that the others need.
 */
async function scale({ services, kafka, names }: MeasuredPipeline, count: number): Promise<void> {
  for (const service of PROCESSORS) {
    await services.scale(service, count);
    const joined = async () => await groupSize(kafka, names.group(service)) === count;
    await until(`${count} members of ${service}`, joined, 60_000);
  }
}

/** The validator's rejections come by a shorter way, on which others may stand still. */
function isFulfilled({ key, value }: LogRecord): boolean {
  const decoded = decode("orders.outcomes", key, value);
  return decoded.ok && decoded.event.type !== "OrderRejected";
}
