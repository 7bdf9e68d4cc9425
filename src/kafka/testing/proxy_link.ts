/**
 * One client's connection through a proxy, and the proxy's own to the broker. Frames keep their order,
 * but pass one that a rule holds, as if that had gone another way.
 */
import { isBug } from "../client/errors.ts";
import type { FaultRule } from "./fault_rule.ts";
import { correlationIdOf, parseRequest, readFrames, type Request } from "./kafka_frames.ts";

/** What a link needs of its proxy. */
interface Road {
  /** Resolves at once unless the proxy is cut off. */
  open(): Promise<void>;
  /** Called for each request. @returns the rule that strikes it */
  onRequest(request: Request): FaultRule | undefined;
}

const READ_BYTES = 64 * 1024;

export class ProxyLink {
  readonly #client: Socket;
  readonly #broker: Socket;
  /** The rules for answers that have not come yet, by correlation id. */
  readonly #rules = new Map<number, { rule: FaultRule; request: Request }>();
  /** Requests that are held, until they are answered. */
  readonly #late = new Map<number, { rule: FaultRule; answered: PromiseWithResolvers<void> }>();
  #closed = false;

  constructor(client: Deno.Conn, broker: Deno.Conn, private readonly road: Road) {
    this.#client = new Socket(client);
    this.#broker = new Socket(broker);
  }

  /**
   * Resolves when both connections are closed.
   *
   * @throws a bug of the test's, such as in its rule, or what is not Kafka's protocol
   */
  async run(): Promise<void> {
    const pass = async (work: Promise<void>) => {
      try {
        await work;
      } catch (error) {
        // One of the two is gone: nothing goes on without it.
        if (isBug(error)) throw error;
      } finally {
        this.close();
      }
    };
    await Promise.all([pass(this.#passRequests()), pass(this.#passAnswers())]);
  }

  close(): void {
    this.#closed = true;
    this.#client.close();
    this.#broker.close();
    for (const { answered } of this.#late.values()) answered.resolve();
    for (const { rule } of this.#rules.values()) rule.giveBack();
    this.#rules.clear();
  }

  async #passRequests(): Promise<void> {
    for await (const frame of readFrames(this.#client.chunks())) {
      await this.road.open();
      if (this.#closed) return;
      const request = parseRequest(frame);
      const rule = this.road.onRequest(request);
      if (rule?.fault === "closed before the request") {
        rule.fire();
        return this.close();
      }
      if (rule?.fault === "request held") void this.#passLate(frame, request, rule);
      else {
        if (rule) this.#rules.set(request.correlationId, { rule, request });
        await this.#broker.write(frame);
      }
    }
    await this.road.open();
    // The client is gone. What is held is executed all the same.
    await Promise.all([...this.#late.values()].map(({ answered }) => answered.promise));
  }

  async #passLate(frame: Uint8Array, { correlationId }: Request, rule: FaultRule): Promise<void> {
    const answered = Promise.withResolvers<void>();
    this.#late.set(correlationId, { rule, answered });
    await Promise.race([rule.hold(), answered.promise]);
    await this.road.open();
    if (this.#closed) return;
    await this.#broker.write(frame).catch(() => this.close());
  }

  async #passAnswers(): Promise<void> {
    for await (const frame of readFrames(this.#broker.chunks())) {
      await this.road.open();
      if (this.#closed) return;
      const correlationId = correlationIdOf(frame);
      const { rule, request } = this.#claimOn(frame, correlationId) ?? {};
      rule?.fire();
      if (rule?.fault === "closed instead of the answer") return this.close();
      if (rule?.fault === "answer held") void this.#deliverLate(frame, rule);
      else if (rule?.fault === "answer altered") {
        await this.#deliver(rule.altered(frame, request!), correlationId);
      } else if (!rule) await this.#deliver(frame, correlationId);
    }
    await this.road.open();
  }

  #claimOn(answer: Uint8Array, correlationId: number) {
    const claim = this.#rules.get(correlationId);
    this.#rules.delete(correlationId);
    return claim?.rule.claimsAnswer(answer, claim.request) ? claim : undefined;
  }

  async #deliverLate(frame: Uint8Array, rule: FaultRule): Promise<void> {
    await rule.hold();
    await this.road.open();
    await this.#client.write(frame).catch(() => {});
  }

  async #deliver(frame: Uint8Array, correlationId: number): Promise<void> {
    const late = this.#late.get(correlationId);
    late?.rule.fire();
    // A client that is gone waits for no answer; it may have left a late request for the broker.
    await this.#client.write(frame).catch(() => {});
    this.#late.delete(correlationId);
    late?.answered.resolve();
  }
}

/** A connection whose writes follow each other, and that may be closed twice. */
class Socket {
  #last: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(private readonly conn: Deno.Conn) {}

  async *chunks(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const buffer = new Uint8Array(READ_BYTES);
      const count = await this.conn.read(buffer);
      if (count === null) return;
      yield buffer.subarray(0, count);
    }
  }

  write(bytes: Uint8Array): Promise<void> {
    const written = this.#last.then(async () => {
      for (let at = 0; at < bytes.length;) at += await this.conn.write(bytes.subarray(at));
    });
    this.#last = written.catch(() => {});
    return written;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.conn.close();
  }
}
