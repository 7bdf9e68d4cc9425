/** What a proxy is to do to which requests: a rule of a test, and what came of it. */
import { aborted, pause } from "../../runtime/stop.ts";
import type { ApiName, Request } from "./kafka_frames.ts";

/**
 * What a network may do to one request. In the first three the broker has executed it when the client
 * does not hear of it; in the last two it has not.
 */
export const FAULTS = [
  "answer swallowed",
  "answer held",
  "closed instead of the answer",
  "closed before the request",
  "request held",
] as const;
export type Fault = typeof FAULTS[number];

export interface RuleOptions {
  /** How many requests it strikes: 1 unless said. */
  readonly times?: number;
  /** Which requests of the API: all unless said. */
  readonly match?: (request: Request) => boolean;
  /** How long something is held; until `release` unless said. */
  readonly holdMs?: number;
}

export class FaultRule {
  #left: number;
  #fired = 0;
  #held = 0;
  #release = new AbortController();

  constructor(
    readonly api: ApiName,
    readonly fault: Fault,
    private readonly options: RuleOptions = {},
  ) {
    this.#left = options.times ?? 1;
  }

  /** How many requests it has struck: an answer counts when the broker has given it. */
  get fired(): number {
    return this.#fired;
  }

  /** How many requests or answers it holds at the moment. */
  get held(): number {
    return this.#held;
  }

  /** Strikes no more requests; what is held stays so. */
  clear(): void {
    this.#left = 0;
  }

  /** Lets go on what it holds now. */
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

  fire(): void {
    this.#fired++;
  }

  /** Resolves when what it holds may go on. */
  async hold(): Promise<void> {
    const { signal } = this.#release;
    this.#held++;
    await (this.options.holdMs === undefined
      ? aborted(signal)
      : pause(this.options.holdMs, signal));
    this.#held--;
  }
}
