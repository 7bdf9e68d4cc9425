/** What is on its way between a process and a broker, on one socket. */
import type { Request } from "../cluster/requests.ts";
import type { Effect } from "./faults.ts";

/** As createClient sets kafkajs's. */
const REQUEST_LIMIT_MS = 15_000;
/** What kafkajs adds to the time that a broker may wait itself. */
const NETWORK_DELAY_MS = 5_000;

export interface Exchange {
  readonly request: Request;
  readonly sentAtMs: number;
  readonly limitMs: number;
  readonly effect: Effect | undefined;
  resolve(answer: unknown): void;
  reject(error: Error): void;
}

/** One socket: what is sent on it arrives in order, or not at all. */
export class Stream {
  isClosed = false;
  /** Something was lost on it: nothing passes any more. */
  isDeaf = false;
  hasAnswered = false;
  /** The last request's arrival, and the last answer's. */
  requestAtMs = 0;
  answerAtMs = 0;
  /** A broker carries out one request of a connection at a time. */
  isBusy = false;
  readonly arrived: Exchange[] = [];
}

/** How long the client waits for an answer. */
export function limitOf(request: Request): number {
  if (request.api === "JoinGroup") return request.rebalanceTimeoutMs + NETWORK_DELAY_MS;
  if (request.api === "Fetch") return request.maxWaitMs + NETWORK_DELAY_MS;
  return REQUEST_LIMIT_MS;
}
