/** A cluster of one broker that a test scripts: what each request is answered with, or that it is not. */
import type { Kafka } from "kafkajs";
import { ERRORS } from "../../client/error_codes.ts";
import type { Broker, Cluster } from "../../client/cluster.ts";
import type { WireRequest } from "../../protocol/wire.ts";

/**
 * @param count of which request of this API it is asked; 1 is the first
 * @returns the answer as a request's `parse` has it; a promise that does not settle is no answer
 * @throws what keeps the answer away
 */
export type Script = (apiName: string, count: number) => unknown;

/** The topic to whose partitions 0 and 1 a script's Produce answers refer. */
export const OUT = "orders.validated";

export function produced(code: number) {
  return [0, 1].map((partition) => ({ topic: OUT, partition, code }));
}

/** What every API answers when all goes well. */
export function success(apiName: string): unknown {
  if (apiName === "Produce") return produced(0);
  if (apiName === "InitProducerId") return { codes: [0], producerId: 1n, producerEpoch: 0 };
  return { codes: [0] };
}

/** As kafkajs says it of a connection that ends. */
export function closed(): never {
  throw Object.assign(new Error("Closed connection"), { name: "KafkaJSConnectionClosedError" });
}

export const codeOf = (type: keyof typeof ERRORS): number => ERRORS[type].code;

export class FakeCluster implements Cluster {
  /** API names in the order of their requests. */
  readonly sent: string[] = [];
  readonly requests: WireRequest<unknown>["request"][] = [];
  lookups = 0;
  refreshes = 0;
  connected = true;
  /** Partitions of each topic; all are led by the one broker. */
  partitions = [0, 1];
  readonly broker: Broker;
  readonly connection = fakeConnection();

  constructor(
    private readonly script: Script = success,
    private readonly lookUp: (count: number) => void = () => {},
  ) {
    this.broker = {
      nodeId: 1,
      isConnected: () => true,
      connectionPool: {
        pool: [this.connection],
        send: async <Answer>({ request }: WireRequest<Answer>) => {
          const { apiName } = request;
          this.sent.push(apiName);
          this.requests.push(request);
          const count = this.sent.filter((name) => name === apiName).length;
          await Promise.resolve();
          return await this.script(apiName, count) as Answer;
        },
      },
    };
  }

  /** A client whose clusters are all this one. */
  get kafka(): Kafka {
    const symbol = Symbol("private:Kafka:createCluster");
    return { [symbol]: () => this } as unknown as Kafka;
  }

  connect(): Promise<void> {
    this.connected = true;
    return Promise.resolve();
  }

  disconnect(): Promise<void> {
    this.connected = false;
    return Promise.resolve();
  }

  isConnected(): boolean {
    return this.connected;
  }

  getNodeIds(): string[] {
    return ["1"];
  }

  refreshMetadata(): Promise<void> {
    this.refreshes++;
    return Promise.resolve();
  }

  refreshMetadataIfNecessary(): Promise<void> {
    return Promise.resolve();
  }

  addMultipleTargetTopics(_topics: string[]): Promise<void> {
    return Promise.resolve();
  }

  findTopicPartitionMetadata(_topic: string): { partitionId: number; leader: number }[] {
    return this.partitions.map((partitionId) => ({ partitionId, leader: 1 }));
  }

  findLeaderForPartitions(_topic: string, partitions: number[]): Record<string, number[]> {
    return { "1": partitions };
  }

  findBroker(_node: { nodeId: string }): Promise<Broker> {
    return Promise.resolve(this.broker);
  }

  // deno-lint-ignore require-await
  async findGroupCoordinator(): Promise<Broker> {
    this.lookUp(++this.lookups);
    return this.broker;
  }

  fetchTopicsOffset(
    _request: { topic: string; partitions: { partition: number }[]; fromBeginning: boolean }[],
  ): Promise<{ topic: string; partitions: { partition: number; offset: string }[] }[]> {
    return Promise.reject(new TypeError("not scripted"));
  }
}

/** As much of a connection of kafkajs as is used to drop it. */
function fakeConnection() {
  return {
    host: "127.0.0.1",
    port: 9092,
    socket: undefined,
    connectionStatus: "connected",
    requestQueue: { destroy() {} },
    isConnected() {
      return this.connectionStatus === "connected";
    },
    rejectRequests() {},
  };
}
