/** Sends requests to the broker that is meant, and answers with the codes' names. */
import { type Cluster, type ClusterSource, createCluster } from "../../kafka/client/cluster.ts";
import { ERRORS } from "../../kafka/client/error_codes.ts";
import { endOfEpochRequest, idsRequest } from "../../kafka/log_watch/log_states.ts";
import type { TopicPartition } from "../../kafka/protocol/requests.ts";
import type { WireRequest } from "../../kafka/protocol/wire.ts";
import { until } from "../../runtime/until.ts";

const NAMES = new Map<number, string>([
  [0, "NONE"],
  [1, "OFFSET_OUT_OF_RANGE"],
  ...Object.entries(ERRORS).map(([name, { code }]) => [code, name] as const),
]);

/** Kafka's name of an error code. */
export function nameOf(code: number | undefined): string {
  return NAMES.get(code ?? 0) ?? String(code);
}

/** The first that is an error. */
export function firstOf(codes: readonly number[]): string {
  return nameOf(codes.find((code) => code !== 0));
}

const LIMIT_MS = 20_000;
const EVERY_MS = 20;
const COORDINATOR_TYPES = { group: 0, transaction: 1 };
/** The coordinator is on its way. */
const AWAY = [14, 15, 16];

export class Client {
  private constructor(readonly cluster: Cluster) {}

  static async connect(source: ClusterSource): Promise<Client> {
    const cluster: Cluster = createCluster(source);
    await cluster.connect();
    await cluster.refreshMetadata();
    return new Client(cluster);
  }

  async toNode<Answer>(node: number, request: WireRequest<Answer>): Promise<Answer> {
    const broker = await this.cluster.findBroker({ nodeId: String(node) });
    return await broker.connectionPool.send(request);
  }

  /** The node that leads a partition, as the brokers say now. */
  async leaderOf({ topic, partition }: TopicPartition): Promise<number> {
    let leader = -1;
    await until(
      `${topic}/${partition} has a leader`,
      async () => {
        await this.cluster.addMultipleTargetTopics([topic]).catch(() => {});
        await this.cluster.refreshMetadata().catch(() => {});
        const found = this.cluster.findTopicPartitionMetadata(topic);
        leader = found.find(({ partitionId }) => partitionId === partition)?.leader ?? -1;
        return leader >= 0;
      },
      LIMIT_MS,
      EVERY_MS,
    );
    return leader;
  }

  async toLeader<Answer>(place: TopicPartition, request: WireRequest<Answer>): Promise<Answer> {
    return await this.toNode(await this.leaderOf(place), request);
  }

  /**
   * Until all brokers that answer say that such a node leads it, and it says so, too.
   *
   * @param fits -1: the partition is not there
   */
  async untilLedBy(place: TopicPartition, fits: (node: number) => boolean): Promise<number> {
    const { topic, partition } = place;
    let leader = -1;
    await until(
      `${topic}/${partition} has such a leader`,
      async () => {
        await this.cluster.refreshMetadata().catch(() => {});
        const leaders = new Set<number>();
        for (const node of this.cluster.getNodeIds()) {
          const answer = await this.toNode(Number(node), idsRequest([topic])).catch(() =>
            undefined
          );
          const partitions = answer?.topics.find(({ name }) => name === topic)?.partitions ?? [];
          const found = partitions.find((each) => each.partition === partition);
          if (answer) leaders.add(found?.leader ?? -1);
        }
        [leader = -1] = leaders;
        return leaders.size === 1 && fits(leader) &&
          (leader < 0 || await this.#leads(leader, place));
      },
      LIMIT_MS,
      EVERY_MS,
    );
    return leader;
  }

  async #leads(node: number, { topic, partition }: TopicPartition): Promise<boolean> {
    const { codes } = await this.toNode(node, endOfEpochRequest({ topic, partition }, 0, -1));
    return codes[0] === 0;
  }

  async coordinatorOf(type: "group" | "transaction", key: string): Promise<number> {
    const coordinatorType = COORDINATOR_TYPES[type];
    const broker = await this.cluster.findGroupCoordinator({ groupId: key, coordinatorType });
    return Number((broker as unknown as { nodeId: number | string }).nodeId);
  }

  /** Asks until the coordinator is there. */
  async toCoordinator<
    Answer extends { readonly code?: number; readonly codes?: readonly number[] },
  >(
    type: "group" | "transaction",
    key: string,
    request: WireRequest<Answer>,
  ): Promise<Answer> {
    const deadline = performance.now() + LIMIT_MS;
    for (;;) {
      const answer = await this.#askCoordinator(type, key, request)
        .catch((error) => performance.now() > deadline ? Promise.reject(error) : undefined);
      const codes = answer?.codes ?? (answer && [answer.code ?? 0]) ?? AWAY;
      const isAway = codes.some((code) => AWAY.includes(code));
      if (answer && (!isAway || performance.now() > deadline)) return answer;
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
    }
  }

  async #askCoordinator<Answer>(
    type: "group" | "transaction",
    key: string,
    request: WireRequest<Answer>,
  ): Promise<Answer> {
    return await this.toNode(await this.coordinatorOf(type, key), request);
  }

  close(): Promise<void> {
    return this.cluster.disconnect();
  }
}

/** While what was before is being ended, or a coordinator is on its way. */
const AGAIN = [
  "CONCURRENT_TRANSACTIONS",
  "COORDINATOR_LOAD_IN_PROGRESS",
  "NOT_ENOUGH_REPLICAS",
  "UNSTABLE_OFFSET_COMMIT",
];

/** Asks again while another answer is to come. */
export async function patiently(ask: () => Promise<string>): Promise<string> {
  let answer = "";
  await until(
    "no transaction is being ended",
    async () => {
      answer = await ask();
      return !AGAIN.includes(answer);
    },
    LIMIT_MS,
    EVERY_MS,
  );
  return answer;
}
