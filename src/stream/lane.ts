/**
 * One input partition that is assigned to us: its writer, its position, and the order of what happens
 * to it. A lane does one thing at a time; different lanes run side by side.
 */
import type { TopicMessages } from "kafkajs";
import type { PartitionWriter } from "./partition_writer.ts";

/**
 * How long a batch without any output may wait for its offset to be committed. Much of what a service
 * reads asks nothing of it (a confirmed order's outcome, one half of a join); a transaction for each
 * such batch would cost more than reading it again after a crash.
 */
const OFFSET_ONLY_COMMIT_MS = 1_000;

export class Lane {
  #writer: PartitionWriter | undefined;
  #position: number | undefined;
  #committed: number | undefined;
  #uncommitted = false;
  #lastCommit = 0;
  #tail: Promise<unknown> = Promise.resolve();

  /** @param open takes the partition over: fences its previous owner, reads its committed offset */
  constructor(private readonly open: () => Promise<PartitionWriter>) {}

  /** Runs `work` when everything before it has ended. */
  exclusive<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(work);
    this.#tail = result.catch(() => {});
    return result;
  }

  /** Resolves when nothing runs in this lane. */
  idle(): Promise<unknown> {
    return this.#tail;
  }

  /**
   * What lies below is done for good, as far as this lane knows; undefined before the first takeover.
   * A consumer that is ahead of it when the lane closes has to come back here.
   */
  get committed(): number | undefined {
    return this.#committed;
  }

  /**
   * The next offset to process; takes the partition over if that has not happened yet, and may then be
   * lower than where the consumer is: the consumer must go back.
   *
   * A consumer that is ahead later on has stepped over control records, which nobody sees. Had
   * somebody else worked on the partition meanwhile, our writer would be fenced and the next commit
   * fail; so it is safe to follow.
   *
   * @param fetchedOffset where the consumer is: the answer when the group has committed nothing yet
   */
  async position(fetchedOffset: number): Promise<number> {
    if (this.#writer === undefined || this.#position === undefined) {
      this.#writer = await this.open();
      this.#position = this.#committed = this.#writer.start ?? fetchedOffset;
      this.#lastCommit = performance.now();
    } else if (fetchedOffset > this.#position) {
      this.#position = fetchedOffset;
    }
    return this.#position;
  }

  /** Publishes `outputs` and moves on to `nextOffset`. After an error the lane is closed. */
  async advance(outputs: TopicMessages[], nextOffset: number): Promise<void> {
    if (outputs.length > 0 || this.#isDue()) return await this.#commit(outputs, nextOffset);
    this.#position = nextOffset;
    this.#uncommitted = true;
  }

  /**
   * Commits the offset of batches without output, when that is due. After an error the lane is closed.
   */
  async flush(options: { force: boolean }): Promise<void> {
    if (!this.#uncommitted || this.#position === undefined) return;
    if (options.force || this.#isDue()) await this.#commit([], this.#position);
  }

  #isDue(): boolean {
    return performance.now() - this.#lastCommit >= OFFSET_ONLY_COMMIT_MS;
  }

  async #commit(outputs: TopicMessages[], nextOffset: number): Promise<void> {
    if (!this.#writer) throw new TypeError("the lane is not open");
    try {
      await this.#writer.commit(outputs, nextOffset);
    } catch (error) {
      // At once, before anything else that waits for the lane: the writer is spent, and whether the
      // offset was committed only the next takeover will know.
      await this.close();
      throw error;
    }
    this.#position = this.#committed = nextOffset;
    this.#uncommitted = false;
    this.#lastCommit = performance.now();
  }

  /** Lets go of the partition; the next `position` takes it over anew. */
  async close(): Promise<void> {
    const writer = this.#writer;
    this.#writer = undefined;
    this.#position = undefined;
    this.#uncommitted = false;
    await writer?.close();
  }
}
