/** Whether the topics that are read are still those that they were when the reading began. */
import { type LogStates, TopicUnknown } from "./log_states.ts";

/** How often the topics' ids are compared while nothing gives a reason to. */
export const TOPIC_CHECK_MS = 30_000;
/** A broker that was away may tell the id of a topic that is no more: a change is confirmed after this. */
export const CONFIRM_MS = 1_000;

export class TopicWatch {
  /** By input: its topic, as it was when the reading began. */
  readonly #topics = new Map<string, { readonly topic: string; readonly id: string }>();
  /** The comparison after the last `invalidate`, which may not have begun. */
  #compared: Promise<void> | undefined;
  #hasBegun = false;
  /** The last comparison: what it found is told before the next one begins. */
  #last: Promise<void> = Promise.resolve();

  /** @param onRecreated told the inputs whose topic was deleted and created anew */
  constructor(
    private readonly logs: Pick<LogStates, "topicIds">,
    private readonly onRecreated: (inputs: readonly string[]) => Promise<void>,
  ) {}

  /** @param id null where the brokers do not tell it: nothing is compared then */
  add(input: string, topic: string, id: string | null): void {
    if (id === null) this.#topics.delete(input);
    else this.#topics.set(input, { topic, id });
  }

  remove(input: string): void {
    this.#topics.delete(input);
  }

  /** Something may have happened to a topic: all are compared before any reader goes on. */
  invalidate(): void {
    // One that has not begun will see it: calls that come faster than answers do not pile up.
    if (this.#hasBegun) this.#compared = undefined;
    // A reader with a batch in hand asks again, and is told why not.
    this.check().catch(() => {});
  }

  /**
   * Compares, once after each `invalidate`; resolves when those that were created anew have been told.
   *
   * @throws no broker answers, or a topic is not there
   */
  async check(): Promise<void> {
    const comparing = this.#compared ??= this.#begin();
    try {
      await comparing;
    } catch (error) {
      if (this.#compared === comparing) this.#compared = undefined;
      throw error;
    }
  }

  #begin(): Promise<void> {
    this.#hasBegun = false;
    return this.#last = this.#last.catch(() => {}).then(() => {
      this.#hasBegun = true;
      return this.#compare();
    });
  }

  async #compare(): Promise<void> {
    const topics = new Set([...this.#topics.values()].map(({ topic }) => topic));
    if (topics.size === 0) return;
    const ids = await this.logs.topicIds([...topics]);
    if (!ids) return;
    for (const topic of topics) if (!ids.has(topic)) throw new TopicUnknown(topic);
    const recreated = [...this.#topics].filter(([, { topic, id }]) => ids.get(topic) !== id);
    if (recreated.length === 0) return;
    for (const [input] of recreated) this.#topics.delete(input);
    try {
      await this.onRecreated(recreated.map(([input]) => input));
    } catch (error) {
      // No reader may go on before they are told: the next comparison tells them again.
      for (const [input, was] of recreated) {
        if (!this.#topics.has(input)) this.#topics.set(input, was);
      }
      throw error;
    }
  }
}

/** The epoch of the leader that wrote a record; null where the log does not tell. */
export function epochOf(record: unknown): number | null {
  const { batchContext } = (record ?? {}) as { batchContext?: { partitionLeaderEpoch?: number } };
  return batchContext?.partitionLeaderEpoch ?? null;
}
