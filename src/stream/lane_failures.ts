/**
 * Which partitions do not get on, why, and how long each is to rest before it is tried again. The first
 * failures in a row are no news: an owner changed, or a broker was restarted. One that goes on failing
 * (a topic that is gone) is told, and tried less and less often. Told at once is what only a person can
 * cure (a missing right, a batch that is too large), and what was repeated until its time was over.
 */
import { Unavailable } from "../store/database.ts";
import { explain } from "./client.ts";
import { ProducerError } from "./producer/errors.ts";
import { UnreadableBatch } from "./unreadable.ts";

const QUIET_FAILURES = 4;
/** After a failed transaction; each time twice as long as the time before. */
const REST_MS = { first: 100, most: 3_000 };
/** After a handler stayed Unavailable, which took its own attempts already. */
const UNAVAILABLE_REST_MS = 3_000;
/** A batch that cannot be read: until another replica leads, or a person decides. */
const UNREADABLE_REST_MS = 3_000;

interface Failures {
  /** In a row. */
  readonly count: number;
  /** For people; undefined while it is no news. */
  readonly why: string | undefined;
}

export class LaneFailures {
  readonly #byLane = new Map<string, Failures>();

  /**
   * @param lane such as `orders.raw/3`
   * @returns how long it should rest, milliseconds
   */
  add(lane: string, error: unknown): number {
    const count = (this.#byLane.get(lane)?.count ?? 0) + 1;
    if (error instanceof Unavailable) {
      this.#byLane.set(lane, { count, why: error.message });
      return UNAVAILABLE_REST_MS;
    }
    if (error instanceof UnreadableBatch) {
      this.#byLane.set(lane, { count, why: error.message });
      return UNREADABLE_REST_MS;
    }
    const hopeless = error instanceof ProducerError && error.remedy === "end";
    const isLate = error instanceof ProducerError && error.type === "DELIVERY_TIMEOUT";
    const why = hopeless || isLate || count > QUIET_FAILURES
      ? `${lane} does not get on: ${explain(error)}`
      : undefined;
    this.#byLane.set(lane, { count, why });
    if (hopeless) return REST_MS.most;
    return Math.min(REST_MS.most, REST_MS.first * 2 ** (count - 1));
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
