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
import type { Brokers, Effect, Hit, Route, Wires } from "./faults.ts";

export type { Brokers, Effect, Hit } from "./faults.ts";

export class Network implements Wires {
  /** How often each fault was met, and each error code of an API, such as `EndTxn NOT_COORDINATOR`. */
  readonly met = new Map<string, number>();
  /** Told of each request, each answer, and each fault. */
  trace: ((line: string) => void) | undefined;
  readonly #hits: Hit[] = [];
  readonly #routes = new Map<SimulatedProcess, Map<number, Route>>();
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

  /** What no request has met yet never happens. */
  heal(): void {
    this.#hits.length = 0;
  }

  /** Nothing passes for a while; what is under way arrives afterwards, unless its connection is closed. */
  cut(process: SimulatedProcess, node: number, forMs: number): void {
    const route = this.route(process, node);
    route.cutUntilMs = Math.max(route.cutUntilMs, this.time.now + forMs);
    this.note("cut off");
    this.trace?.(`${process.name} and broker ${node} are cut off for ${Math.round(forMs)} ms`);
  }

  route(process: SimulatedProcess, node: number): Route {
    let routes = this.#routes.get(process);
    if (!routes) this.#routes.set(process, routes = new Map());
    let route = routes.get(node);
    if (!route) routes.set(node, route = { cutUntilMs: 0 });
    return route;
  }

  /** A few packets are slow. */
  delayMs(): number {
    const { random } = this;
    return random.chance(0.02) ? random.between(2, 8) : random.between(0.1, 0.8);
  }

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
