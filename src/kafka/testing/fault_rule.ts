/** A rule of a test: what a proxy does to which requests, and how often it has done so. */
import { aborted, pause } from "../../runtime/shutdown.ts";
import type { ApiName, Request } from "./kafka_frames.ts";

/**
 * What a network may do to one request. In the first three the broker has executed it, though the client
 * gets no answer; in the last two it has not.
 */
export const FAULTS = [
  "answer swallowed",
  "answer held",
  "closed instead of the answer",
  "closed before the request",
  "request held",
] as const;
/** What a network does not do: another answer than that of the broker. */
export type Fault = typeof FAULTS[number] | "answer altered";

export interface RuleOptions {
  /** How many requests it strikes (default: 1). */
  readonly times?: number;
  /** Which requests of the API (default: all). */
  readonly match?: (request: Request) => boolean;
  /** For the faults of an answer: which answers of those requests (default: all); the others pass. */
  readonly matchAnswer?: (answer: Uint8Array, request: Request) => boolean;
  /** For "answer altered": the other answer, a whole frame with its length. */
  readonly alter?: (answer: Uint8Array, request: Request) => Uint8Array;
  /** How long a frame is held (default: until `release`). */
  readonly holdMs?: number;
}

export class FaultRule {
  readonly #times: number;
  #left: number;
  #fired = 0;
  #held = 0;
  #release = new AbortController();

  constructor(
    readonly api: ApiName,
    readonly fault: Fault,
    private readonly options: RuleOptions = {},
  ) {
    this.#left = this.#times = options.times ?? 1;
  }

  /** How many requests it has struck: those that the broker executes count when it has done so. */
  get fired(): number {
    return this.#fired;
  }

  /** How many requests or answers it holds at the moment. */
  get held(): number {
    return this.#held;
  }

  /** Whether all requests to strike have come; some may still be held. */
  get struckAll(): boolean {
    const waiting = this.fault === "request held" ? this.#held : 0;
    return this.#fired + waiting >= this.#times;
  }

  /** Whether all requests to strike are through. */
  get done(): boolean {
    return this.#fired >= this.#times && this.#held === 0;
  }

  /** Strikes no more requests; held ones stay so. */
  clear(): void {
    this.#left = -Infinity;
  }

  /** Lets the held frames go on. */
  release(): void {
    this.#release.abort();
    this.#release = new AbortController();
  }

  /** Whether it is to strike this request; takes one of its times if so. */
  claims(request: Request): boolean {
    if (this.#left <= 0 || request.apiName !== this.api) return false;
    if (!(this.options.match?.(request) ?? true)) return false;
    this.#left--;
    return true;
  }

  /** Whether it is to strike this answer to a request that it claimed. */
  claimsAnswer(answer: Uint8Array, request: Request): boolean {
    if (this.options.matchAnswer?.(answer, request) ?? true) return true;
    this.giveBack();
    return false;
  }

  /** The answer that replaces this one. */
  altered(answer: Uint8Array, request: Request): Uint8Array {
    return this.options.alter?.(answer, request) ?? answer;
  }

  /** A claimed request failed by itself: it may strike another. */
  giveBack(): void {
    this.#left++;
  }

  fire(): void {
    this.#fired++;
  }

  /** Resolves when the held frame may go on. */
  async hold(): Promise<void> {
    const { signal } = this.#release;
    this.#held++;
    await (this.options.holdMs === undefined
      ? aborted(signal)
      : pause(this.options.holdMs, signal));
    this.#held--;
  }
}
