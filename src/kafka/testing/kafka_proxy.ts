/**
 * A TCP proxy between clients and one Kafka broker, for tests: it does what a network may do to the
 * requests that a test chooses, and counts, so that the test can require that it happened. Plain
 * connections only. The broker has to advertise the proxy's address: see startProxiedBroker.
 */
import { freePort, LOOPBACK } from "../../local/kafka/ports.ts";
import { type Fault, FaultRule, type RuleOptions } from "./fault_rule.ts";
import type { ApiName, Request } from "./kafka_frames.ts";
import { ProxyLink } from "./proxy_link.ts";
import { startTestBroker, type TestBroker } from "../../local/testing/test_broker.ts";

/**
 * The open connections of a broker that is cut off: `close` ends them; `silence` keeps them, and frames on
 * their way in either direction arrive after `restore`, as with TCP.
 */
export type Cut = "close" | "silence";

export class KafkaProxy implements AsyncDisposable {
  readonly #links = new Map<Deno.Conn, ProxyLink | undefined>();
  readonly #work = new Set<Promise<void>>();
  readonly #rules: FaultRule[] = [];
  readonly #requests = new Map<string, number>();
  #brokerPort: number | undefined;
  #listener: Deno.Listener | undefined;
  #accepting = Promise.resolve();
  #silence: PromiseWithResolvers<void> | undefined;

  private constructor(readonly port: number) {}

  /** Listens; until `forwardTo` says where the broker is, connections are closed. */
  static async open(): Promise<KafkaProxy> {
    const proxy = new KafkaProxy(await freePort());
    proxy.restore();
    return proxy;
  }

  /** `127.0.0.1:PORT`. */
  get bootstrap(): string {
    return `${LOOPBACK}:${this.port}`;
  }

  /** @param port where the broker listens; new connections go there */
  forwardTo(port: number): void {
    this.#brokerPort = port;
  }

  /** How many requests have come. */
  requests(api: ApiName): number {
    return this.#requests.get(api) ?? 0;
  }

  /** Strikes requests of `api` from now on; of several rules the first that matches. */
  strike(api: ApiName, fault: Fault, options?: RuleOptions): FaultRule {
    const rule = new FaultRule(api, fault, options);
    this.#rules.push(rule);
    return rule;
  }

  /** Makes the broker unreachable; when it resolves, new connections are refused. */
  async cut(how: Cut): Promise<void> {
    this.#listener?.close();
    this.#listener = undefined;
    if (how === "silence") this.#silence ??= Promise.withResolvers();
    else this.#closeLinks();
    await this.#accepting;
  }

  /** Ends a cut. */
  restore(): void {
    this.#silence?.resolve();
    this.#silence = undefined;
    if (this.#listener) return;
    this.#listener = Deno.listen({ hostname: LOOPBACK, port: this.port });
    this.#accepting = this.#accept(this.#listener);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cut("close");
    this.#silence?.resolve();
    while (this.#work.size > 0) {
      for (const rule of this.#rules) rule.release();
      this.#closeLinks();
      await Promise.all(this.#work);
    }
  }

  async #accept(listener: Deno.Listener): Promise<void> {
    for await (const client of listener) {
      const served = this.#serve(client).finally(() => this.#work.delete(served));
      this.#work.add(served);
    }
  }

  async #serve(client: Deno.Conn): Promise<void> {
    this.#links.set(client, undefined);
    const broker = await this.#connect();
    // Cut while it connected.
    const wanted = this.#links.delete(client);
    if (!broker || !wanted) {
      broker?.close();
      if (wanted) client.close();
      return;
    }
    const link = new ProxyLink(client, broker, {
      open: () => this.#silence?.promise ?? Promise.resolve(),
      onRequest: (request) => this.#onRequest(request),
    });
    this.#links.set(client, link);
    await link.run();
    this.#links.delete(client);
  }

  async #connect(): Promise<Deno.Conn | undefined> {
    if (this.#brokerPort === undefined) return undefined;
    try {
      return await Deno.connect({ hostname: LOOPBACK, port: this.#brokerPort });
    } catch {
      // The broker is down: its client is to see a connection that ends.
      return undefined;
    }
  }

  #onRequest(request: Request): FaultRule | undefined {
    const { apiName } = request;
    if (apiName) this.#requests.set(apiName, this.requests(apiName) + 1);
    return this.#rules.find((rule) => rule.claims(request));
  }

  #closeLinks(): void {
    for (const [client, link] of this.#links) {
      if (link) link.close();
      else {
        this.#links.delete(client);
        client.close();
      }
    }
  }
}

/**
 * A real broker whose clients reach it through a proxy. It has two listeners: the proxied one advertises
 * the proxy's address; the plain one is for Kafka itself (a broker sends its transaction markers to itself
 * over the network) and for its tools, which no fault must strike.
 */
interface ProxiedBroker {
  /** Its `bootstrap` bypasses the proxy. */
  readonly broker: TestBroker;
  /** Its `bootstrap` is for the clients. */
  readonly proxy: KafkaProxy;
  [Symbol.asyncDispose](): Promise<void>;
}

/** `await using` removes both; the broker is ready, as that of startTestBroker is. */
export async function startProxiedBroker(): Promise<ProxiedBroker> {
  const plain = await freePort();
  const proxied = await freePort(plain);
  const controller = await freePort(plain, proxied);
  const proxy = await KafkaProxy.open();
  proxy.forwardTo(proxied);
  const broker = await startTestBroker(
    {
      "controller.quorum.voters": `1@127.0.0.1:${controller}`,
      "listeners": `PLAINTEXT://${LOOPBACK}:${plain},PROXIED://${LOOPBACK}:${proxied},` +
        `CONTROLLER://127.0.0.1:${controller}`,
      "advertised.listeners": `PLAINTEXT://${LOOPBACK}:${plain},PROXIED://${proxy.bootstrap}`,
      "listener.security.protocol.map":
        "PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT",
    },
    plain,
  );
  return {
    broker,
    proxy,
    async [Symbol.asyncDispose]() {
      await proxy[Symbol.asyncDispose]();
      await broker.remove();
    },
  };
}
