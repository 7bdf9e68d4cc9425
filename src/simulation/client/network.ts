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
import {
  type Brokers,
  type Effect,
  type Hit,
  isNamed,
  type Route,
  type Slowness,
  type Wires,
} from "./faults.ts";

export type { Brokers, Effect, Hit } from "./faults.ts";

export class Network implements Wires {
  /** How often each fault was met, and each error code of an API, such as `EndTxn NOT_COORDINATOR`. */
  readonly met = new Map<string, number>();
  /** Told of each request, each answer, and each fault. */
  trace: ((line: string) => void) | undefined;
  readonly #hits: Hit[] = [];
  #slow: Slowness[] = [];
  /** By process name: one that is started again is where it was. */
  readonly #routes = new Map<string, Map<number, Route>>();
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
  cut(process: Pick<SimulatedProcess, "name">, node: number, forMs: number): void {
    const route = this.route(process, node);
    route.cutUntilMs = Math.max(route.cutUntilMs, this.time.now + forMs);
    this.note("cut off");
    this.trace?.(`${process.name} and broker ${node} are cut off for ${Math.round(forMs)} ms`);
  }

  route({ name }: Pick<SimulatedProcess, "name">, node: number): Route {
    let routes = this.#routes.get(name);
    if (!routes) this.#routes.set(name, routes = new Map());
    let route = routes.get(node);
    if (!route) routes.set(node, route = { cutUntilMs: 0 });
    return route;
  }

  /** All that passes takes longer for a while. */
  slow(where: Pick<Slowness, "from" | "node">, byMs: number, forMs: number): void {
    const { now } = this.time;
    this.#slow = this.#slow.filter(({ untilMs }) => untilMs > now);
    this.#slow.push({ ...where, byMs, untilMs: now + forMs });
    this.note("slow");
  }

  /** A few packets are slow; all are in a phase that is. */
  delayMs(process: SimulatedProcess, node: number): number {
    const { random, time: { now } } = this;
    let delayMs = random.chance(0.02) ? random.between(2, 8) : random.between(0.1, 0.8);
    for (const slow of this.#slow) {
      if (slow.untilMs <= now) continue;
      if (slow.from !== undefined && !isNamed(process, slow.from)) continue;
      if (slow.node !== undefined && slow.node !== node) continue;
      delayMs += slow.byMs;
    }
    return delayMs;
  }

  effectOn(process: SimulatedProcess, node: number, api: Api): Effect | undefined {
    const hits = this.#hits;
    for (let i = 0; i < hits.length; i++) {
      const hit = hits[i]!;
      if (hit.api !== undefined && hit.api !== api) continue;
      if (hit.node !== undefined && hit.node !== node) continue;
      if (hit.from !== undefined && !isNamed(process, hit.from)) continue;
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
