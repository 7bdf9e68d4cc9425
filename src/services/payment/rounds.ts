/**
 * Calls to the payment gateway that begin together: they share a time limit, as one timer and one
 * AbortSignal, and are one question in `waits`.
 */
import { type Question, waits } from "../../runtime/waits.ts";

/** Calls that begin within this time share a limit, which may come so much later for the first. */
const GRAIN_MS = 10;

const PEER = {
  id: "gateway",
  name: "the payment gateway",
  until: "until it answers: each order is asked for again with the same key",
};

/** Made once: each one takes down a stack. */
const TIMED_OUT = new DOMException("no answer in time", "TimeoutError");

export interface Round {
  /** Aborts when the time is over. */
  readonly signal: AbortSignal;
  /** One of its calls has ended: with an answer, which may be a failure, or without. */
  leave(isAnswered: boolean): void;
}

/** @returns lets a call that begins now join a round */
export function createRounds(timeoutMs: number): { join(): Round } {
  let current: LimitedRound | undefined;
  return {
    join() {
      if (!current?.isJoinable()) current = new LimitedRound(timeoutMs);
      current.enter();
      return current;
    },
  };
}

class LimitedRound implements Round {
  readonly signal: AbortSignal;
  readonly #joinableUntilMs = performance.now() + GRAIN_MS;
  readonly #question: Question;
  readonly #timer: ReturnType<typeof setTimeout>;
  #calls = 0;
  #isAnswered = false;
  #isOver = false;

  constructor(timeoutMs: number) {
    const controller = new AbortController();
    this.signal = controller.signal;
    this.#question = waits.ask(PEER, "an answer");
    // The last one that joins has all of its time.
    this.#timer = setTimeout(() => controller.abort(TIMED_OUT), timeoutMs + GRAIN_MS);
  }

  isJoinable(): boolean {
    return !this.#isOver && performance.now() <= this.#joinableUntilMs;
  }

  enter(): void {
    this.#calls++;
  }

  leave(isAnswered: boolean): void {
    this.#isAnswered ||= isAnswered;
    if (--this.#calls > 0) return;
    this.#isOver = true;
    clearTimeout(this.#timer);
    if (this.#isAnswered) this.#question.answered();
    else this.#question.givenUp();
  }
}
