/**
 * Which partitions do not get on, why, and how long each is to rest before it is tried again. The first
 * failures in a row are no news: an owner changed, or a broker was restarted. One that goes on failing
 * (a topic that is gone) is told, and tried less and less often. Told at once is what only a person can
 * cure (a missing right, a batch that is too large), and what was repeated until its time was over.
 */
import { RetryableError } from "../../runtime/errors.ts";
import { explain } from "../client/errors.ts";
import { ProducerError } from "../client/error_codes.ts";
import { PausedPartition } from "./assignment.ts";
import { UnreadableBatch } from "../protocol/unreadable.ts";

const QUIET_FAILURES = 4;
/** After a failed transaction; each time twice as long as the time before. */
const REST_MS = { first: 100, most: 3_000 };
/** Until somebody else has done something: a store that answers again, another leader, a person. */
const LONG_REST_MS = 3_000;

interface Failures {
  /** In a row. */
  readonly count: number;
  /** For people; undefined while it is no news. */
  readonly why: string | undefined;
  /** It was to be taken over, and there may be nothing to read. */
  readonly inTakeover: boolean;
}

export class PartitionFailures {
  readonly #byLane = new Map<string, Failures>();

  /**
   * @param lane such as `orders.raw/3`
   * @param during what was to be done
   * @returns how long it should rest, milliseconds
   */
  add(lane: string, error: unknown, during: "batch" | "takeover" = "batch"): number {
    const count = (this.#byLane.get(lane)?.count ?? 0) + 1;
    const inTakeover = during === "takeover" || error instanceof PausedPartition;
    const isLong = error instanceof RetryableError || error instanceof PausedPartition ||
      error instanceof UnreadableBatch;
    if (isLong) {
      this.#byLane.set(lane, { count, why: error.message, inTakeover });
      return LONG_REST_MS;
    }
    const hopeless = error instanceof ProducerError && error.remedy === "end";
    const isLate = error instanceof ProducerError && error.type === "DELIVERY_TIMEOUT";
    const why = hopeless || isLate || count > QUIET_FAILURES
      ? `${lane} does not get on: ${explain(error)}`
      : undefined;
    this.#byLane.set(lane, { count, why, inTakeover });
    if (hopeless) return REST_MS.most;
    return Math.min(REST_MS.most, REST_MS.first * 2 ** (count - 1));
  }

  /** It was taken over: what kept it from that is over; what happens to a batch is another matter. */
  taken(lane: string): void {
    if (this.#byLane.get(lane)?.inTakeover) this.#byLane.delete(lane);
  }

  /** It works, or is somebody else's. */
  clear(lane: string): void {
    this.#byLane.delete(lane);
  }

  /** Why some partition does not get on; undefined when all do, or have only just failed. */
  get why(): string | undefined {
    for (const { why } of this.#byLane.values()) if (why !== undefined) return why;
    return undefined;
  }
}
