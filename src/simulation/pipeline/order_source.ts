/** The process that places orders: the real simulator's way of placing them, on the simulated cluster. */
import { type KeyedRecord, openPublisher } from "../../kafka/producer/publisher.ts";
import type { ProcessorClient } from "../../kafka/processor/client.ts";
import { createPace } from "../../services/simulator/pace.ts";
import { placeOrders, type Placing } from "../../services/simulator/place.ts";
import type { PlacedMessage } from "../promises/evidence.ts";
import { orderMaker } from "./shop.ts";

export interface OrderSource {
  /** All that were made so far; acknowledged ones are so marked. */
  placed(): PlacedMessage[];
  /** Whether all orders are acknowledged. */
  readonly isDone: boolean;
}

interface SourceOptions {
  readonly seed: number;
  readonly orders: number;
  /** Evenly until then; 0: all at once. */
  readonly placedForMs: number;
  readonly client: ProcessorClient;
  readonly log: (line: string) => void;
}

const MAX_BATCH = 7;
const TOPIC = "orders.raw";

/** To be called in its process. @throws what placing throws is an error of the run */
export function startOrderSource(options: SourceOptions): OrderSource {
  const { seed, orders, placedForMs, client, log } = options;
  const make = orderMaker(seed);
  const made: KeyedRecord[] = [];
  const progress: Placing = { placed: 0, acknowledged: 0 };
  let isDone = false;
  const placing = placeOrders({
    pace: createPace({
      first: 0,
      orders,
      ratePerS: placedForMs === 0 ? 0 : orders / placedForMs * 1_000,
      durationMs: 0,
    }),
    makeOrder: (sequence, placedAtMs) => made[sequence] = make(sequence, placedAtMs),
    // A client in memory is a source of clusters, too, which is all that it needs.
    openPublisher: (onDelay) =>
      openPublisher(client as unknown as Parameters<typeof openPublisher>[0], TOPIC, onDelay),
    arrived: new Set(),
    record: () => Promise.resolve(),
    maxBatch: MAX_BATCH,
    signal: new AbortController().signal,
    drainTimeoutMs: 10_000,
    onTrouble: (reason) => log(reason ?? "orders are acknowledged again"),
  }, progress);
  void placing.then(() => isDone = true);
  return {
    placed: () =>
      made.map(({ key, headers }, sequence) => ({
        orderId: key ?? `order ${sequence}`,
        traceparent: headers!.traceparent!,
        acknowledged: sequence < progress.acknowledged,
      })),
    get isDone() {
      return isDone;
    },
  };
}
