/** Reads committed offsets of a group: what is asked at one moment is one request. */
import { pause } from "../../runtime/shutdown.ts";
import type { Coordinators } from "../client/coordinator.ts";
import { errorOf, ERRORS, outOfTime, ProducerError, remedyOf } from "../client/error_codes.ts";
import {
  type FetchedOffset,
  offsetFetchRequest,
  type TopicPartition,
} from "../protocol/requests.ts";

/** Kafka's word for: the group has committed none. */
const NONE = -1;
/** A coordinator that has moved is sure when the replicas of its log have caught up. */
const LIMIT_MS = 30_000;
/** As long as the markers of a small transaction take. */
const UNSTABLE_PAUSE_MS = 35;

const LACKING = { code: ERRORS.UNKNOWN_SERVER_ERROR.code, offset: NONE };

interface Question extends PromiseWithResolvers<number | undefined> {
  readonly partition: TopicPartition;
}

/** By topic and partition. */
type Questions = Map<string, Question>;

const keyOf = ({ topic, partition }: TopicPartition) => `${topic}/${partition}`;

export class OffsetFetcher {
  /** What the next request asks. */
  #next: Questions | undefined;

  constructor(
    private readonly coordinators: Coordinators,
    private readonly group: string,
  ) {}

  /** As `GroupOffsets.committed`. */
  committed(partition: TopicPartition): Promise<number | undefined> {
    let questions = this.#next;
    if (!questions) {
      this.#next = questions = new Map();
      void this.#ask(questions);
    }
    const key = keyOf(partition);
    const question = questions.get(key) ??
      { partition, ...Promise.withResolvers<number | undefined>() };
    questions.set(key, question);
    return question.promise;
  }

  async #ask(questions: Questions): Promise<void> {
    await pause(0);
    this.#next = undefined;
    const untilMs = performance.now() + LIMIT_MS;
    try {
      while (questions.size > 0) {
        const partitions = [...questions.values()].map(({ partition }) => partition);
        const request = offsetFetchRequest(this.group, partitions);
        // The coordinator is looked up each time: the last one may not know yet that it has moved.
        const limitMs = untilMs - performance.now();
        const options = { limitMs, repeatable: true, fresh: true };
        const answer = await this.coordinators.ask("group", this.group, request, options);
        const last = this.#settle(questions, answer.partitions);
        if (!last) continue;
        if (performance.now() + UNSTABLE_PAUSE_MS >= untilMs) {
          throw outOfTime("not done", LIMIT_MS, last);
        }
        await pause(UNSTABLE_PAUSE_MS);
      }
    } catch (error) {
      for (const { reject } of questions.values()) reject(error);
    }
  }

  /**
   * Answers the questions about partitions that have an offset, or an error that stays.
   *
   * @returns why some are to be asked about again
   */
  #settle(questions: Questions, answers: readonly FetchedOffset[]): ProducerError | undefined {
    let again: ProducerError | undefined;
    const byKey = new Map(answers.map((answer) => [keyOf(answer), answer]));
    for (const [key, question] of questions) {
      const { code, offset } = byKey.get(key) ?? LACKING;
      const what = `OffsetFetch of ${this.group} for ${key}`;
      if (remedyOf(code) === "repeat" || code === ERRORS.UNKNOWN_SERVER_ERROR.code) {
        again = errorOf(code, what);
        continue;
      }
      questions.delete(key);
      if (code !== 0) question.reject(errorOf(code, what));
      else if (offset >= 0) question.resolve(offset);
      else if (offset === NONE) question.resolve(undefined);
      else question.reject(this.#noOffset(key, offset));
    }
    return again;
  }

  #noOffset(key: string, offset: number): ProducerError {
    return new ProducerError(
      "UNKNOWN_SERVER_ERROR",
      "end",
      `the group ${this.group} has committed ${offset} for ${key}, which is no offset: ` +
        "commit one with Kafka's kafka-consumer-groups --reset-offsets",
    );
  }
}
