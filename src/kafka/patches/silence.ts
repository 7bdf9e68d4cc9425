/** Reports each connection and each request of kafkajs to runtime/waits.ts, as a wait for a broker. */
import { type Peer, waits } from "../../runtime/waits.ts";
import { require } from "./replace_module.ts";

interface Connection {
  readonly host: string;
  readonly port: number;
  isConnected(): boolean;
  connect(): Promise<unknown>;
  send(protocol: Protocol): Promise<unknown>;
}

interface Protocol {
  readonly request: { readonly apiName: string };
  /** Milliseconds: how long the request may wait at the broker, and NETWORK_DELAY_MS. */
  readonly requestTimeout?: number | null;
}

/** Added by kafkajs to the time that a request may wait at the broker (a fetch, a join). */
const NETWORK_DELAY_MS = 5_000;

/** Node ids of brokers by their addresses. */
const nodeIds = new Map<string, number>();

export function watchSilence(): void {
  const { prototype } = require("kafkajs/src/network/connection.js") as { prototype: Connection };
  const { connect, send } = prototype;
  prototype.connect = async function () {
    if (this.isConnected()) return true;
    const question = waits.ask(brokerAt(this), "connection");
    try {
      const connected = await connect.call(this);
      question.answered();
      return connected;
    } catch (error) {
      // A broker that refuses is down, and is not waited for: the cluster names another.
      if (isRefusal(error)) question.answered();
      else question.givenUp();
      throw error;
    }
  };
  prototype.send = async function (protocol) {
    const { request, requestTimeout } = protocol;
    const mayTakeMs = Math.max(0, (requestTimeout ?? 0) - NETWORK_DELAY_MS);
    const question = waits.ask(brokerAt(this), request.apiName, mayTakeMs);
    try {
      const answer = await send.call(this, protocol);
      question.answered();
      return answer;
    } catch (error) {
      if (NO_ANSWER.has((error as Error).name)) question.givenUp();
      else question.answered();
      throw error;
    }
  };
  learnNodeIds();
}

const NO_ANSWER = new Set([
  "KafkaJSConnectionError",
  "KafkaJSConnectionClosedError",
  "KafkaJSRequestTimeoutError",
]);

function isRefusal(error: unknown): boolean {
  return (error as { code?: string }).code === "ECONNREFUSED";
}

function brokerAt({ host, port }: Connection): Peer {
  const address = addressOf(host, port);
  const id = nodeIds.get(address);
  return {
    id: address,
    name: id === undefined ? `Kafka at ${address}` : `broker ${id} at ${address}`,
    until: "until it answers, or its partitions have another leader",
  };
}

interface BrokerPool {
  readonly metadata: { brokers: { nodeId: number; host: string; port: number }[] } | null;
  refreshMetadata(topics: string[]): Promise<unknown>;
}

function learnNodeIds(): void {
  const { prototype } = require("kafkajs/src/cluster/brokerPool.js") as { prototype: BrokerPool };
  const { refreshMetadata } = prototype;
  prototype.refreshMetadata = async function (topics) {
    const result = await refreshMetadata.call(this, topics);
    for (const { nodeId, host, port } of this.metadata?.brokers ?? []) {
      nodeIds.set(addressOf(host, port), nodeId);
    }
    return result;
  };
}

function addressOf(host: string, port: number): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}
