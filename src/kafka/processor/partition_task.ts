/**
 * One input partition that is assigned to us: its writer, its position, and the order of what happens
 * to it. A task does one thing at a time; different tasks run side by side.
 */
import type { TopicMessages } from "kafkajs";
import type { AssignedPartition } from "./assignment.ts";

/**
 * How long a batch without any output may wait for its offset to be committed. Much of what a service
 * reads asks nothing of it (a confirmed order's outcome, one half of a join); a transaction for each
 * such batch would cost more than reading it again after a crash.
 */
const OFFSET_ONLY_COMMIT_MS = 1_000;

export class PartitionTask {
  #assigned: AssignedPartition | undefined;
  #position: number | undefined;
  /** The leader's epoch of the last record before the position; null where it is not known. */
  #leaderEpoch: number | null = null;
  #committed: number | undefined;
  #uncommitted = false;
  #lastCommit = 0;
  #queue: Promise<unknown> = Promise.resolve();

  /** @param open assigns the partition: fences, and finds out where to go on */
  constructor(private readonly open: () => Promise<AssignedPartition>) {}

  /** Runs `work` when everything before it has ended. */
  exclusive<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(work);
    this.#queue = result.catch(() => {});
    return result;
  }

  /** Resolves when nothing is under way. */
  idle(): Promise<unknown> {
    return this.#queue;
  }

  /**
   * What lies below is done for good, as far as this task knows; undefined before the first assignment.
   * A consumer that is ahead of it when the task closes has to come back here.
   */
  get committed(): number | undefined {
    return this.#committed;
  }

  /** See `advance`; null while it is not open, or where it is not known. */
  get leaderEpoch(): number | null {
    return this.#leaderEpoch;
  }

  /**
   * The next offset to process; assigns the partition if that has not happened yet. A consumer that is
   * somewhere else has to come here.
   */
  async position(): Promise<number> {
    if (this.#assigned === undefined || this.#position === undefined) {
      this.#assigned = await this.open();
      this.#position = this.#committed = this.#assigned.start;
      this.#leaderEpoch = this.#assigned.leaderEpoch;
      this.#lastCommit = performance.now();
    }
    return this.#position;
  }

  /**
   * Between these offsets is nothing for us: control records, or aborted ones.
   *
   * @param leaderEpoch of the last of them; null where it is not known
   */
  stepOver(from: number, to: number, leaderEpoch: number | null = null): void {
    if (this.#position === undefined || from > this.#position || to <= this.#position) return;
    this.#position = to;
    this.#leaderEpoch = leaderEpoch;
  }

  /**
   * Publishes `outputs` and moves on to `nextOffset`. After an error the task is closed.
   *
   * @param leaderEpoch of the last record below `nextOffset`; null where it is not known
   */
  async advance(
    outputs: TopicMessages[],
    nextOffset: number,
    leaderEpoch: number | null = null,
  ): Promise<void> {
    this.#leaderEpoch = leaderEpoch;
    if (outputs.length > 0 || this.#isIntervalOver) return await this.#commit(outputs, nextOffset);
    this.#position = nextOffset;
    this.#uncommitted = true;
  }

  /**
   * Commits the offset of batches without output, when that is due. After an error the task is closed.
   */
  async flush(options: { force: boolean }): Promise<void> {
    if (this.#position === undefined) return;
    if (options.force ? this.#uncommitted : this.isDue) await this.#commit([], this.#position);
  }

  /** Whether a flush that is not forced would commit something. */
  get isDue(): boolean {
    return this.#uncommitted && this.#isIntervalOver;
  }

  get #isIntervalOver(): boolean {
    return performance.now() - this.#lastCommit >= OFFSET_ONLY_COMMIT_MS;
  }

  async #commit(outputs: TopicMessages[], nextOffset: number): Promise<void> {
    if (!this.#assigned) throw new TypeError("the partition is not assigned");
    try {
      await this.#assigned.commit(outputs, nextOffset, this.#leaderEpoch);
    } catch (error) {
      // At once, before anything else that waits its turn: the writer is spent, and whether the offset
      // was committed only the next assignment will know.
      await this.close();
      throw error;
    }
    this.#position = this.#committed = nextOffset;
    this.#uncommitted = false;
    this.#lastCommit = performance.now();
  }

  /** Lets go of the partition; the next `position` assigns it anew. */
  async close(): Promise<void> {
    const assigned = this.#assigned;
    this.#assigned = undefined;
    this.#position = undefined;
    this.#leaderEpoch = null;
    this.#uncommitted = false;
    await assigned?.close();
  }
}
