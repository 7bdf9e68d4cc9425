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
  /** What becomes of the process that sends it, as it does. */
  | { readonly sender: (process: SimulatedProcess) => void }
  /** What becomes of the broker that has begun to carry it out. */
  | { readonly receiver: (node: number) => void }
  /** Answered instead of carried out; or after it was carried out. */
  | { readonly code: number; readonly carriedOut?: boolean };

export interface Hit {
  readonly api?: Api;
  /** A process's name; or a service's: any of its replicas. */
  readonly from?: string;
  readonly node?: number;
  readonly effect: Effect;
}

/** A phase in which all that passes takes longer, each way. */
export interface Slowness {
  /** As of a hit; undefined: any. */
  readonly from?: string;
  readonly node?: number;
  readonly byMs: number;
  readonly untilMs: number;
}

/** Whether a process has that name, or is a replica of the service of that name. */
export function isNamed({ name }: SimulatedProcess, from: string): boolean {
  return name.startsWith(from) && (name.length === from.length || name[from.length] === "-");
}

/** Between a process and a broker; times are virtual. */
export interface Route {
  /** Until when nothing passes. */
  cutUntilMs: number;
  /** What a client is told where the broker is dead: made once, as it takes as long as a request. */
  refusal?: Error;
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
  delayMs(process: SimulatedProcess, node: number): number;
  route(process: SimulatedProcess, node: number): Route;
  /** Counts what was met. */
  note(what: string): void;
  noteCodes(api: Api, answer: unknown): void;
}

export function isLate(effect: Effect | undefined): effect is { readonly lateMs: number } {
  return typeof effect === "object" && "lateMs" in effect;
}

export function isOfSender(
  effect: Effect | undefined,
): effect is { readonly sender: (process: SimulatedProcess) => void } {
  return typeof effect === "object" && "sender" in effect;
}

export function isOfReceiver(
  effect: Effect | undefined,
): effect is { readonly receiver: (node: number) => void } {
  return typeof effect === "object" && "receiver" in effect;
}

export function isCode(
  effect: Effect | undefined,
): effect is { readonly code: number; readonly carriedOut?: boolean } {
  return typeof effect === "object" && "code" in effect;
}

/** In one or two words. */
export function nameOf(effect: Effect): string {
  if (typeof effect === "string") return effect;
  if (isLate(effect)) return "late";
  return isOfSender(effect) ? "sender" : isOfReceiver(effect) ? "receiver" : "refused";
}
