/** A process's connection to a broker: requests and answers keep their order, as in TCP. */
import { Disconnected, Unreachable } from "../cluster/requests.ts";
import type { AnswerOf, Request } from "../cluster/requests.ts";
import type { SimulatedProcess } from "../process.ts";
import { refused } from "./answers.ts";
import {
  KafkaJSConnectionClosedError,
  KafkaJSConnectionError,
  KafkaJSRequestTimeoutError,
} from "../../kafka/testing/kafkajs_parts.ts";
import {
  type Effect,
  isCode,
  isLate,
  isOfReceiver,
  isOfSender,
  nameOf,
  type Route,
  type Wires,
} from "./faults.ts";
import { type Exchange, limitOf, Stream } from "./stream.ts";
import { describeAnswer, describeRequest } from "./trace.ts";

/** As createClient sets kafkajs's. */
const CONNECT_LIMIT_MS = 3_000;

export class Connection {
  // What the production code uses of kafkajs's connections to drop one.
  readonly host: string;
  readonly port = 9092;
  socket = undefined;
  authenticatedAt: unknown = null;
  connectionStatus: "connected" | "disconnected" = "disconnected";
  readonly requestQueue = { destroy: () => this.#forget() };

  readonly #route: Route;
  #stream: Stream | undefined;
  #pending: Exchange[] = [];
  #limit: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly network: Wires,
    private readonly process: SimulatedProcess,
    readonly node: number,
  ) {
    this.host = `broker-${node}`;
    this.#route = network.route(process, node);
  }

  /** Of a packet that is sent now. */
  get #delayMs(): number {
    return this.network.delayMs(this.process, this.node) + this.#cutMs;
  }

  /** How long a cut lasts from now; 0: there is none. */
  get #cutMs(): number {
    return Math.max(0, this.#route.cutUntilMs - this.network.time.now);
  }

  isConnected(): boolean {
    return this.connectionStatus === "connected";
  }

  /**
   * Resolves when it is connected.
   *
   * @throws KafkaJSConnectionError
   */
  async open(): Promise<void> {
    if (this.isConnected()) return;
    if (this.network.kafka.isUp(this.node) && this.#cutMs === 0) this.#connect();
    // kafkajs asks a broker for its versions: one that is there only answers, and takes a round trip.
    else await this.send({ api: "Metadata", topics: [] });
  }

  /** @throws as kafkajs: no answer, a closed connection */
  send<R extends Request>(request: R): Promise<AnswerOf<R>> {
    return new Promise<AnswerOf<R>>((resolve, reject) => {
      const { network, process, node } = this;
      const effect = network.effectOn(process, node, request.api);
      const { time } = network;
      if (!this.#stream) this.#connect();
      const stream = this.#stream!;
      const exchange: Exchange = {
        request,
        sentAtMs: time.now,
        limitMs: limitOf(request),
        effect,
        resolve: resolve as (answer: unknown) => void,
        reject,
      };
      this.#pending.push(exchange);
      this.#limit ??= setTimeout(this.#checkLimits, exchange.limitMs);
      network.trace?.(`${process.name} → ${node}  ${describeRequest(request)}`);
      if (effect) this.#onEffect(effect, request);
      if (effect === "request lost") stream.isDeaf = true;
      if (stream.isDeaf) return;
      let delayMs = this.#delayMs;
      if (isLate(effect) && network.random.chance(0.5)) delayMs += effect.lateMs;
      stream.requestAtMs = Math.max(stream.requestAtMs, time.now + delayMs);
      const afterMs = stream.requestAtMs - time.now;
      const arrive = () => this.#arrive(stream, exchange);
      // What happens to the sender comes before it has left its process, or after: then it arrives all the same.
      if (isOfSender(effect) && network.random.chance(0.5)) {
        time.deliver(process, afterMs, () => time.at(0, arrive));
      } else time.at(afterMs, arrive);
      if (isOfSender(effect)) effect.sender(process);
    });
  }

  /** In one step, without a word: whatever comes is thrown away. */
  close(): void {
    if (!this.#stream) return;
    this.connectionStatus = "disconnected";
    this.#forget();
    if (this.#pending.length > 0) this.rejectRequests(closed(this, "it is closed by us"));
  }

  /** The answer that is waited for is not wanted any more; the next request opens another connection. */
  abandon(): void {
    this.#pending = [];
    this.connectionStatus = "disconnected";
    this.#forget();
  }

  rejectRequests(error: Error): void {
    const pending = this.#pending;
    this.#pending = [];
    for (const { reject } of pending) reject(error);
  }

  #forget(): void {
    if (this.#stream) this.#stream.isClosed = true;
    this.#stream = undefined;
    clearTimeout(this.#limit);
    this.#limit = undefined;
  }

  #connect(): void {
    const stream = this.#stream = new Stream();
    this.connectionStatus = "connected";
    const { network } = this;
    // A connection takes a round trip more.
    stream.requestAtMs = network.time.now + 2 * network.delayMs(this.process, this.node);
    if (this.#cutMs < CONNECT_LIMIT_MS) return;
    stream.isDeaf = true;
    setTimeout(() => {
      if (!stream.isClosed) this.#fail(stream, unreachable(this, "Connection timeout"));
    }, CONNECT_LIMIT_MS);
  }

  #onEffect(effect: Effect, { api }: Request): void {
    const { network, process, node } = this;
    const name = nameOf(effect);
    network.note(name);
    network.trace?.(`${process.name} → ${node}  ${api}: ${name}`);
  }

  #arrive(stream: Stream, exchange: Exchange): void {
    const { network } = this;
    if (stream.isDeaf) return;
    // What a closed connection had sent may be read by its broker, or not.
    if (stream.isClosed && network.random.chance(0.5)) return;
    const { effect } = exchange;
    if (effect === "connection closed" && network.random.chance(0.5)) {
      return this.#failLater(stream, closed(this, "it was closed before"));
    }
    stream.arrived.push(exchange);
    if (!stream.isBusy) this.#carryOutNext(stream);
  }

  #carryOutNext(stream: Stream): void {
    const exchange = stream.arrived.shift()!;
    if (stream.isDeaf) return;
    const { effect, request } = exchange;
    const { network, node } = this;
    stream.isBusy = true;
    if (isCode(effect) && !effect.carriedOut) {
      return this.#answered(stream, exchange, refused(request, effect.code));
    }
    network.kafka.ask(
      node,
      request,
      (answer) => this.#answered(stream, exchange, answer),
      (error) => this.#refused(stream, error),
    );
    if (isOfReceiver(effect)) effect.receiver(node);
  }

  #answered(stream: Stream, exchange: Exchange, answer: unknown): void {
    const { network, process } = this;
    const { effect, request } = exchange;
    if (effect === "answer lost") stream.isDeaf = true;
    else if (effect === "connection closed") this.#failLater(stream, closed(this, "it was closed"));
    else if (!stream.isClosed && !stream.isDeaf) {
      const sent = isCode(effect) && effect.carriedOut ? refused(request, effect.code) : answer;
      const { time } = network;
      let delayMs = this.#delayMs;
      if (isLate(effect) && time.now < exchange.sentAtMs + effect.lateMs) delayMs += effect.lateMs;
      stream.answerAtMs = Math.max(stream.answerAtMs, time.now + delayMs);
      time.deliver(
        process,
        stream.answerAtMs - time.now,
        () => this.#deliver(stream, exchange, sent),
      );
    }
    if (stream.arrived.length === 0) stream.isBusy = false;
    // The broker may be in the midst of other work.
    else network.time.at(0, () => this.#carryOutNext(stream));
  }

  #deliver(stream: Stream, exchange: Exchange, answer: unknown): void {
    const at = this.#pending.indexOf(exchange);
    // It was given up, or its connection was closed.
    if (at < 0 || stream.isDeaf) return;
    this.#pending.splice(at, 1);
    stream.hasAnswered = true;
    const { network, process, node } = this;
    network.noteCodes(exchange.request.api, answer);
    network.trace?.(`${process.name} ← ${node}  ${describeAnswer(exchange.request, answer)}`);
    exchange.resolve(answer);
  }

  /** The broker is dead, or died. */
  #refused(stream: Stream, error: unknown): void {
    stream.isBusy = false;
    // A client that was connected has noticed that the broker is gone; or it notices by this request.
    const isNew = !stream.hasAnswered || this.network.random.chance(0.5);
    if (error instanceof Unreachable && isNew) {
      this.#route.refusal ??= unreachable(this, "connect ECONNREFUSED");
      return this.#failLater(stream, this.#route.refusal);
    }
    if (!(error instanceof Unreachable || error instanceof Disconnected)) throw error;
    this.#failLater(stream, closed(this, "the broker closed it"));
  }

  #failLater(stream: Stream, error: Error): void {
    const { network, process } = this;
    network.time.deliver(process, this.#delayMs, () => this.#fail(stream, error));
  }

  #fail(stream: Stream, error: Error): void {
    if (stream.isClosed) return;
    const { network, process, node } = this;
    network.note(error.name);
    network.trace?.(`${process.name} ← ${node}  ${error.message}`);
    this.connectionStatus = "disconnected";
    this.#forget();
    this.rejectRequests(error);
  }

  /** kafkajs's own limit; a connection that it has run out on is dropped (patches/connection.ts). */
  readonly #checkLimits = () => {
    this.#limit = undefined;
    const stream = this.#stream;
    if (this.#pending.length === 0 || !stream) return;
    const { now } = this.network.time;
    let nextMs = Infinity;
    for (const { sentAtMs, limitMs, request } of this.#pending) {
      const leftMs = sentAtMs + limitMs - now;
      if (leftMs < 1) {
        const message = `Request ${request.api} timed out`;
        return this.#fail(stream, new KafkaJSRequestTimeoutError!(message));
      }
      nextMs = Math.min(nextMs, leftMs);
    }
    this.#limit = setTimeout(this.#checkLimits, nextMs);
  };
}

function closed({ host, port }: Connection, why: string): Error {
  return new KafkaJSConnectionClosedError!(`Closed connection: ${why}`, { host, port });
}

function unreachable({ host, port }: Connection, why: string): Error {
  const code = why.includes("ECONNREFUSED") ? "ECONNREFUSED" : undefined;
  return new KafkaJSConnectionError!(`${why} ${host}:${port}`, {
    broker: `${host}:${port}`,
    code,
  });
}
