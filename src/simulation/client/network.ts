/**
 * What lies between processes and brokers: connections that take their time, lose what is on its way,
 * close, and are cut. Faults are put in from outside, request by request.
 */
import type { AnswerOf, Api, Request } from "../cluster/requests.ts";
import type { Random } from "../random.ts";
import type { SimulatedProcess } from "../process.ts";
import type { VirtualTime } from "../time.ts";
import { eachCode, nameOfCode } from "./answers.ts";
import { Connection } from "./connection.ts";

/** As much of the cluster as is reached by a network. */
export interface Brokers {
  nodes(): readonly number[];
  handle<R extends Request>(node: number, request: R): Promise<AnswerOf<R>>;
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
  /** Answered instead of carried out; or after it was carried out. */
  | { readonly code: number; readonly carriedOut?: boolean };

export interface Hit {
  readonly api?: Api;
  readonly process?: SimulatedProcess;
  readonly node?: number;
  readonly effect: Effect;
}

export class Network {
  /** How often each fault was met, and each error code of an API, such as `EndTxn NOT_COORDINATOR`. */
  readonly met = new Map<string, number>();
  /** Told of each request, each answer, and each fault. */
  trace: ((line: string) => void) | undefined;
  readonly #hits: Hit[] = [];
  /** By process and node until when nothing passes. */
  readonly #cuts = new Map<SimulatedProcess, Map<number, number>>();
  readonly #single = new Map<SimulatedProcess, Map<number, Connection>>();

  constructor(
    readonly time: VirtualTime,
    readonly random: Random,
    readonly kafka: Brokers,
  ) {}

  /** Sends a request on the one connection that is kept for this. */
  send<R extends Request>(
    process: SimulatedProcess,
    node: number,
    request: R,
  ): Promise<AnswerOf<R>> {
    let connections = this.#single.get(process);
    if (!connections) this.#single.set(process, connections = new Map());
    let connection = connections.get(node);
    if (!connection) connections.set(node, connection = this.connect(process, node));
    const asks = connection;
    return process.run(() => asks.send(request));
  }

  /** A connection that is opened when it is first used, and again after it was closed. */
  connect(process: SimulatedProcess, node: number): Connection {
    return new Connection(this, process, node);
  }

  /** The next request that this fits meets the effect. */
  hit(hit: Hit): void {
    this.#hits.push(hit);
  }

  /** Those that no request has met. */
  get pendingHits(): number {
    return this.#hits.length;
  }

  /** Nothing passes for a while; what is under way arrives afterwards, unless its connection is closed. */
  cut(process: SimulatedProcess, node: number, forMs: number): void {
    let nodes = this.#cuts.get(process);
    if (!nodes) this.#cuts.set(process, nodes = new Map());
    nodes.set(node, Math.max(nodes.get(node) ?? 0, this.time.now + forMs));
    this.note("cut off");
    this.trace?.(`${process.name} and broker ${node} are cut off for ${Math.round(forMs)} ms`);
  }

  /** How long a cut lasts from now; 0: there is none. */
  cutMs(process: SimulatedProcess, node: number): number {
    if (this.#cuts.size === 0) return 0;
    const untilMs = this.#cuts.get(process)?.get(node) ?? 0;
    return Math.max(0, untilMs - this.time.now);
  }

  /** One way, one packet; a few are slow. */
  delayMs(): number {
    const { random } = this;
    return random.chance(0.02) ? random.between(2, 8) : random.between(0.1, 0.8);
  }

  /** The effect that a request meets; it is met once. */
  effectOn(process: SimulatedProcess, node: number, api: Api): Effect | undefined {
    const hits = this.#hits;
    for (let i = 0; i < hits.length; i++) {
      const hit = hits[i]!;
      if (hit.api !== undefined && hit.api !== api) continue;
      if (hit.node !== undefined && hit.node !== node) continue;
      if (hit.process !== undefined && hit.process !== process) continue;
      hits.splice(i, 1);
      return hit.effect;
    }
    return undefined;
  }

  note(what: string): void {
    this.met.set(what, (this.met.get(what) ?? 0) + 1);
  }

  noteCodes(api: Api, answer: unknown): void {
    eachCode(answer, (code) => this.note(`${api} ${nameOfCode(code)}`));
  }
}
