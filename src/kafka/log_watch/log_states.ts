/** What the cluster says of the logs that a service reads, when a partition is assigned to it. */
import type { Kafka } from "kafkajs";
import { settlesWithin } from "../../runtime/shutdown.ts";
import type { TablePosition } from "../../database/positions.ts";
import { LeaderUnknown, logEndOf } from "../offsets/log_ends.ts";
import { askAnyBroker, type Broker, createCluster } from "../client/cluster.ts";
import { answerOf } from "../client/coordinator.ts";
import { errorOf } from "../client/error_codes.ts";
import type { TopicPartition } from "../protocol/requests.ts";
import type { StartFacts } from "./start_position.ts";
import {
  endOfEpochRequest,
  type IdsAnswer,
  idsRequest,
  METADATA,
  OFFSET_FOR_LEADER_EPOCH,
  type TopicIds,
} from "./requests.ts";

export type LogState = Pick<StartFacts, "log" | "clusterId" | "topicId">;

export interface LogStates {
  /** @throws who leads the partition does not answer, or the topic is not there */
  of(input: TopicPartition, position?: TablePosition): Promise<LogState>;
  /** The topics' ids by name; a topic that is not there is left out. Undefined: the brokers have none. */
  topicIds(topics: readonly string[]): Promise<Map<string, string> | undefined>;
  close(): Promise<void>;
}

const ANSWER_LIMIT_MS = 5_000;
const CLOSE_LIMIT_MS = 3_000;

/** The topic is not there, as far as the broker that was asked knows. */
export class TopicUnknown extends Error {
  override readonly name = "KafkaJSTopicUnknown";
  constructor(topic: string) {
    super(`the topic ${topic} is not there`);
  }
}

type VersionedBroker = Broker & {
  readonly versions?: Record<number, { readonly maxVersion: number } | undefined>;
};

/** Connects when it is first asked. */
export function createLogStates(kafka: Kafka): LogStates {
  const cluster = createCluster(kafka);
  let connecting: Promise<void> | undefined;
  let hasMetadata = false;

  /** Several ask at once: none goes on before there is metadata. */
  async function connected(): Promise<void> {
    if (hasMetadata && cluster.isConnected()) return;
    connecting ??= (async () => {
      await cluster.connect();
      await cluster.refreshMetadata();
      hasMetadata = true;
    })().finally(() => connecting = undefined);
    await connecting;
  }

  /** Asked of any broker; undefined where they are older than topic ids. */
  async function ids(topics: readonly string[]): Promise<IdsAnswer | undefined> {
    await connected();
    return await askAnyBroker(cluster, async (broker) => {
      if (!knows(broker, METADATA)) return undefined;
      return await answerOf(broker, idsRequest(topics), ANSWER_LIMIT_MS);
    });
  }

  async function endOfEpoch(
    input: TopicPartition,
    topic: TopicIds,
    leaderEpoch: number,
  ): Promise<number | undefined> {
    const found = topic.partitions.find(({ partition }) => partition === input.partition);
    if (!found || found.leader < 0) throw new LeaderUnknown(input.topic, input.partition);
    const broker = await cluster.findBroker({ nodeId: String(found.leader) });
    if (!knows(broker, OFFSET_FOR_LEADER_EPOCH)) return undefined;
    const currentEpoch = Math.max(found.leaderEpoch, leaderEpoch);
    const request = endOfEpochRequest(input, leaderEpoch, currentEpoch);
    const { codes: [code = 0], end } = await answerOf(broker, request, ANSWER_LIMIT_MS);
    if (code !== 0) {
      // Another one may lead by the next time.
      await cluster.refreshMetadata().catch(() => {});
      throw errorOf(code, `OffsetForLeaderEpoch of ${input.topic}/${input.partition}`);
    }
    return end < 0 ? undefined : end;
  }

  return {
    async of(input, position) {
      const answer = await ids([input.topic]);
      const topic = answer?.topics.find(({ name }) => name === input.topic);
      if (answer && !topic) throw new TopicUnknown(input.topic);
      const { first, end } = await logEndOf(cluster, input);
      const { leaderEpoch = null, topicId = null } = position ?? {};
      // Epochs of another topic of the same name mean nothing here.
      const asksEpoch = leaderEpoch !== null && topic !== undefined && topicId === topic.id;
      return {
        clusterId: answer?.clusterId ?? null,
        topicId: topic?.id ?? null,
        log: {
          first,
          end,
          endOfEpoch: asksEpoch ? await endOfEpoch(input, topic, leaderEpoch) : undefined,
        },
      };
    },
    async topicIds(topics) {
      const answer = await ids(topics);
      return answer && new Map(answer.topics.map(({ name, id }) => [name, id]));
    },
    async close() {
      await settlesWithin(cluster.disconnect(), CLOSE_LIMIT_MS);
    },
  };
}

function knows(
  { versions }: VersionedBroker,
  { apiKey, version }: { apiKey: number; version: number },
): boolean {
  return (versions?.[apiKey]?.maxVersion ?? 0) >= version;
}
