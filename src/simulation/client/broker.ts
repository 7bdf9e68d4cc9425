/** A broker as a client has it: two connections, and what goes through them. */
import type { Broker } from "../../kafka/client/cluster.ts";
import type { WireRequest } from "../../kafka/protocol/wire.ts";
import type { AnswerOf, MetadataAnswer, Request } from "../cluster/requests.ts";
import type { SimulatedProcess } from "../process.ts";
import type { Connection } from "./connection.ts";
import type { Network } from "./network.ts";

/** What kafkajs itself asks in this version; it wants the answer in its own shape. */
const KAFKAJS_METADATA_VERSION = 4;
/** Every API in every version. */
const VERSIONS = new Proxy({}, { get: () => ({ maxVersion: 99 }) }) as Record<
  number,
  { readonly maxVersion: number }
>;

/** A broker of one client: kafkajs has two connections to each, one for fetches. */
export class SimulatedBroker implements Broker {
  readonly versions = VERSIONS;
  readonly connectionPool: {
    readonly pool: readonly [Connection, Connection];
    send<Answer>(request: WireRequest<Answer>): Promise<Answer>;
  };

  constructor(network: Network, process: SimulatedProcess, readonly nodeId: number) {
    this.connectionPool = {
      pool: [network.connect(process, nodeId), network.connect(process, nodeId)],
      send: <Answer>({ request }: WireRequest<Answer>) => {
        const asked = { api: request.apiName, ...request.fields } as Request;
        const answer = this.ask(asked) as Promise<unknown>;
        if (asked.api !== "Metadata") return answer as Promise<Answer>;
        const shape = request.apiVersion === KAFKAJS_METADATA_VERSION ? asKafkajs : existing;
        return answer.then((metadata) => shape(metadata as MetadataAnswer) as Answer);
      },
    };
  }

  isConnected(): boolean {
    const [one, other] = this.connectionPool.pool;
    return one.isConnected() || other.isConnected();
  }

  ask<R extends Request>(request: R): Promise<AnswerOf<R>> {
    return this.connectionPool.pool[request.api === "Fetch" ? 1 : 0].send(request);
  }

  /** For fetches. */
  get fetching(): Connection {
    return this.connectionPool.pool[1];
  }

  async open(): Promise<void> {
    if (!this.isConnected()) await this.connectionPool.pool[0].open();
  }

  close(): void {
    for (const connection of this.connectionPool.pool) connection.close();
  }
}

/** As kafkajs decodes it. */
function asKafkajs({ topics }: MetadataAnswer): unknown {
  return {
    topicMetadata: topics.map(({ code, name, partitions }) => ({
      topicErrorCode: code,
      topic: name,
      partitionMetadata: partitions,
    })),
  };
}

/** As log_states.ts decodes it: without topics that are not there. */
function existing({ clusterId, topics }: MetadataAnswer): unknown {
  return { clusterId, topics: topics.filter(({ code }) => code === 0) };
}
