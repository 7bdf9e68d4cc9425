/**
 * A real broker whose clients reach it through a proxy. It has two listeners: the proxied one advertises
 * the proxy's address; the plain one is for Kafka itself (a broker sends its transaction markers to itself
 * over the network) and for its tools, which no fault must strike.
 */
import { startBroker } from "../../local/kafka/cluster.ts";
import { freePort, LOOPBACK } from "../../local/kafka/ports.ts";
import { type TestBroker, untilCoordinatorsAnswer } from "../../local/testing/test_broker.ts";
import { KafkaProxy } from "./kafka_proxy.ts";

export interface ProxiedBroker {
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
  const directory = await Deno.makeTempDir({ prefix: "orderflow-kafka-" });
  const broker = await startBroker({
    directory,
    port: plain,
    overrides: {
      "controller.quorum.voters": `1@127.0.0.1:${controller}`,
      "listeners": `PLAINTEXT://${LOOPBACK}:${plain},PROXIED://${LOOPBACK}:${proxied},` +
        `CONTROLLER://127.0.0.1:${controller}`,
      "advertised.listeners": `PLAINTEXT://${LOOPBACK}:${plain},PROXIED://${proxy.bootstrap}`,
      "listener.security.protocol.map":
        "PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT",
    },
  });
  await untilCoordinatorsAnswer(broker.bootstrap);
  const dispose = { value: () => broker.remove() };
  return {
    broker: Object.defineProperty(broker, Symbol.asyncDispose, dispose) as TestBroker,
    proxy,
    async [Symbol.asyncDispose]() {
      await proxy[Symbol.asyncDispose]();
      await broker.remove();
    },
  };
}
