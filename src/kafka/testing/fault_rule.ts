/** What a proxy is to do to which requests: a rule of a test, and what came of it. */
import { aborted, pause } from "../../runtime/shutdown.ts";
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
/** Beside what a network does: an answer that is not what the broker said. */
export type Fault = typeof FAULTS[number] | "answer altered";

export interface RuleOptions {
  /** How many requests it strikes: 1 unless said. */
  readonly times?: number;
  /** Which requests of the API: all unless said. */
  readonly match?: (request: Request) => boolean;
  /** For the faults of an answer, which answers of those requests; the others pass. All unless said. */
  readonly matchAnswer?: (answer: Uint8Array, request: Request) => boolean;
  /** For "answer altered": what comes instead, a whole frame with its length. */
  readonly alter?: (answer: Uint8Array, request: Request) => Uint8Array;
  /** How long something is held; until `release` unless said. */
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

  /** Whether all that it is to strike has come; what it holds may still be on its way. */
  get struckAll(): boolean {
    const waiting = this.fault === "request held" ? this.#held : 0;
    return this.#fired + waiting >= this.#times;
  }

  /** Whether all that it is to strike is through. */
  get done(): boolean {
    return this.#fired >= this.#times && this.#held === 0;
  }

  /** Strikes no more requests; what is held stays so. */
  clear(): void {
    this.#left = -Infinity;
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

  /** Whether it is to strike this answer to a request that it claimed. */
  claimsAnswer(answer: Uint8Array, request: Request): boolean {
    if (this.options.matchAnswer?.(answer, request) ?? true) return true;
    this.giveBack();
    return false;
  }

  /** What comes instead of this answer. */
  altered(answer: Uint8Array, request: Request): Uint8Array {
    return this.options.alter?.(answer, request) ?? answer;
  }

  /** A request that it claimed has come to nothing: it may strike another. */
  giveBack(): void {
    this.#left++;
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
