/**
 * Which partitions are failing, why, and how long each is to pause before it is tried again. The first
 * failures in a row are no news: an owner changed, or a broker was restarted. One that goes on failing
 * (a topic that is gone) is reported, and tried less and less often. Reported at once is what only a
 * person can cure (a missing right, a batch that is too large), and what was repeated until its time was
 * over.
 */
import { RetryableError } from "../../runtime/errors.ts";
import { ProducerError } from "../client/error_codes.ts";
import { explain } from "../client/errors.ts";
import { UnreadableBatch } from "../protocol/unreadable.ts";
import { PausedPartition } from "./assignment.ts";

const QUIET_FAILURES = 4;
/** After a failed transaction; each time twice as long as the time before. */
const PAUSE_MS = { first: 100, most: 3_000 };
/** Until somebody else has done something: a database that answers again, another leader, a person. */
const LONG_PAUSE_MS = 3_000;

interface Failures {
  /** In a row. */
  readonly count: number;
  /** For people; undefined while it is no news. */
  readonly why: string | undefined;
  /** It could not be assigned; and there may be nothing to read. */
  readonly inAssignment: boolean;
}

export class PartitionFailures {
  readonly #byPartition = new Map<string, Failures>();

  /**
   * @param partition such as `orders.raw/3`
   * @param during what was to be done
   * @returns how long it should pause, milliseconds
   */
  add(partition: string, error: unknown, during: "batch" | "assignment" = "batch"): number {
    const count = (this.#byPartition.get(partition)?.count ?? 0) + 1;
    const inAssignment = during === "assignment" || error instanceof PausedPartition;
    const isLong = error instanceof RetryableError || error instanceof PausedPartition ||
      error instanceof UnreadableBatch;
    if (isLong) {
      this.#byPartition.set(partition, { count, why: error.message, inAssignment });
      return LONG_PAUSE_MS;
    }
    const hopeless = error instanceof ProducerError && error.remedy === "end";
    const isLate = error instanceof ProducerError && error.type === "DELIVERY_TIMEOUT";
    const why = hopeless || isLate || count > QUIET_FAILURES
      ? `${partition} is failing: ${explain(error)}`
      : undefined;
    this.#byPartition.set(partition, { count, why, inAssignment });
    if (hopeless) return PAUSE_MS.most;
    return Math.min(PAUSE_MS.most, PAUSE_MS.first * 2 ** (count - 1));
  }

  /** What kept it from being assigned is over; what happens to a batch is another matter. */
  assigned(partition: string): void {
    if (this.#byPartition.get(partition)?.inAssignment) this.#byPartition.delete(partition);
  }

  /** It works, or is somebody else's. */
  clear(partition: string): void {
    this.#byPartition.delete(partition);
  }

  /** Why some partition is failing; undefined when none is, or has only just begun to. */
  get why(): string | undefined {
    for (const { why } of this.#byPartition.values()) if (why !== undefined) return why;
    return undefined;
  }
}
