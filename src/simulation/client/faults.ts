/** What a connection needs of the network that it is in, and the faults that it meets there. */
import type { AnswerOf, Api, Request } from "../cluster/requests.ts";
import type { Random } from "../random.ts";
import type { SimulatedProcess } from "../process.ts";
import type { VirtualTime } from "../time.ts";

/** As much of the cluster as is reached by a network. */
export interface Brokers {
  nodes(): readonly number[];
  isUp(node: number): boolean;
  /** Calls at most one of the two, perhaps at once. */
  ask<R extends Request>(
    node: number,
    request: R,
    answered: (answer: AnswerOf<R>) => void,
    failed: (error: Error) => void,
  ): void;
}

export type Effect =
  /** Nothing passes on that connection any more; the request never arrives. */
  | "request lost"
  /** The same, after it was carried out. */
  | "answer lost"
  /** Before or after it was carried out. */
  | "connection closed"
  /** The request arrives so much later, or its answer. */
  | { readonly lateMs: number }
  /** It is on its way, and so is the end of the process that sent it. */
  | { readonly killed: (process: SimulatedProcess) => void }
  /** Answered instead of carried out; or after it was carried out. */
  | { readonly code: number; readonly carriedOut?: boolean };

export interface Hit {
  readonly api?: Api;
  readonly process?: SimulatedProcess;
  readonly node?: number;
  readonly effect: Effect;
}

/** Between a process and a broker; times are virtual. */
export interface Route {
  /** Until when nothing passes. */
  cutUntilMs: number;
}

/** What connections are made of. */
export interface Wires {
  readonly time: VirtualTime;
  readonly random: Random;
  readonly kafka: Brokers;
  readonly trace: ((line: string) => void) | undefined;
  /** The effect that a request meets; it is met once. */
  effectOn(process: SimulatedProcess, node: number, api: Api): Effect | undefined;
  /** One way, one packet. */
  delayMs(): number;
  route(process: SimulatedProcess, node: number): Route;
  /** Counts what was met. */
  note(what: string): void;
  noteCodes(api: Api, answer: unknown): void;
}

export function isLate(effect: Effect | undefined): effect is { readonly lateMs: number } {
  return typeof effect === "object" && "lateMs" in effect;
}

export function isKill(
  effect: Effect | undefined,
): effect is { readonly killed: (process: SimulatedProcess) => void } {
  return typeof effect === "object" && "killed" in effect;
}

export function isCode(
  effect: Effect | undefined,
): effect is { readonly code: number; readonly carriedOut?: boolean } {
  return typeof effect === "object" && "code" in effect;
}
