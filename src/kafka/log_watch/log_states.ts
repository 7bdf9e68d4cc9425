/** What the cluster says of the logs that a service reads, when a partition is assigned to it. */
import { batched } from "../../runtime/batched.ts";
import { settlesWithin } from "../../runtime/shutdown.ts";
import type { TablePosition } from "../../database/positions.ts";
import { LeaderUnknown, logEndOf } from "../offsets/log_ends.ts";
import {
  askAnyBroker,
  type Cluster,
  type ClusterSource,
  createCluster,
  knows,
} from "../client/cluster.ts";
import { answerOf } from "../client/coordinator.ts";
import { errorOf } from "../client/error_codes.ts";
import type { TopicPartition } from "../protocol/requests.ts";
import type { StartFacts } from "./start_position.ts";
import { type Decoder, NO_TAGS, wire, type WireRequest } from "../protocol/wire.ts";

export type LogState = Pick<StartFacts, "log" | "clusterId" | "topicId">;

export interface LogStates {
  /** @throws the partition's leader does not answer, or the topic is not there */
  of(input: TopicPartition, position?: TablePosition): Promise<LogState>;
  /** The topics' ids by name; a topic that is not there is left out. Undefined: the brokers have none. */
  topicIds(topics: readonly string[]): Promise<Map<string, string> | undefined>;
  close(): Promise<void>;
}

const ANSWER_LIMIT_MS = 5_000;
/** Any broker can tell them: one that is frozen holds up what all the others lead. */
const IDS_LIMIT_MS = 1_500;
const CLOSE_LIMIT_MS = 3_000;

/** The topic is not there, as far as the broker that was asked knows. */
export class TopicUnknown extends Error {
  override readonly name = "KafkaJSTopicUnknown";
  constructor(topic: string) {
    super(`the topic ${topic} is not there`);
  }
}

/** Connects when it is first asked. */
export function createLogStates(kafka: ClusterSource): LogStates {
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

  /** Asked of any broker, once for all partitions of an assignment; undefined before Kafka 2.8. */
  const ids = batched(async (asked: readonly (readonly string[])[]) => {
    await connected();
    const topics = [...new Set(asked.flat())];
    const answer = await askAnyBroker(cluster, async (broker) => {
      if (!knows(broker, METADATA)) return undefined;
      return await answerOf(broker, idsRequest(topics), IDS_LIMIT_MS);
    });
    return asked.map(() => answer);
  });

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
          endOfEpoch: asksEpoch ? await endOfEpoch(cluster, input, topic, leaderEpoch) : undefined,
        },
      };
    },
    async topicIds(topics) {
      const answer = await ids(topics);
      const found = answer?.topics.filter(({ name }) => topics.includes(name));
      return found && new Map(found.map(({ name, id }) => [name, id]));
    },
    async close() {
      await settlesWithin(cluster.disconnect(), CLOSE_LIMIT_MS);
    },
  };
}

/** Where the records of a leader's epoch end; undefined where its leader cannot tell. */
async function endOfEpoch(
  cluster: Cluster,
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

// What a broker is asked beside what kafkajs asks: topic ids and leader epochs.

/** Since Kafka 2.8: the first version with topic ids. */
const METADATA = { apiKey: 3, version: 10 } as const;

export interface IdsAnswer {
  readonly clusterId: string | null;
  readonly topics: readonly TopicIds[];
}

export interface TopicIds {
  readonly name: string;
  /** As Kafka's tools print it. */
  readonly id: string;
  readonly partitions: readonly {
    readonly partition: number;
    /** A node's id; -1: none. */
    readonly leader: number;
    readonly leaderEpoch: number;
  }[];
}

/** A topic that is not there, or may not be seen, is left out of the answer. */
export function idsRequest(topics: readonly string[]): WireRequest<IdsAnswer> {
  return wire("Metadata", METADATA.apiKey, METADATA.version, { topics }, (encoder) => {
    encoder.writeUVarInt(NO_TAGS).writeUVarInt(topics.length + 1);
    for (const topic of topics) {
      encoder.writeInt64(0).writeInt64(0).writeUVarIntString(topic).writeUVarInt(NO_TAGS);
    }
    // Neither to be created, nor with what one may do.
    encoder.writeBoolean(false).writeBoolean(false).writeBoolean(false).writeUVarInt(NO_TAGS);
  }, (decoder) => {
    decoder.readTaggedFields();
    const clientSideThrottleTime = decoder.readInt32();
    decoder.readUVarIntArray(() => {
      decoder.readInt32(); // node
      decoder.readUVarIntString(); // host
      decoder.readInt32(); // port
      decoder.readUVarIntString(); // rack
      decoder.readTaggedFields();
    });
    const clusterId = decoder.readUVarIntString();
    decoder.readInt32(); // controller
    const all = decoder.readUVarIntArray(readTopic) ?? [];
    const topics = all.filter(({ code }) => code === 0).map(({ topic }) => topic);
    return { answer: { clusterId, topics }, clientSideThrottleTime };
  });
}

function readTopic(decoder: Decoder): { code: number; topic: TopicIds } {
  const code = decoder.readInt16();
  const name = decoder.readUVarIntString() ?? "";
  const id = readUuid(decoder);
  decoder.readBoolean(); // internal
  const partitions = decoder.readUVarIntArray(() => {
    decoder.readInt16(); // error
    const partition = decoder.readInt32();
    const leader = decoder.readInt32();
    const leaderEpoch = decoder.readInt32();
    for (let list = 0; list < 3; list++) decoder.readUVarIntArray(() => decoder.readInt32());
    decoder.readTaggedFields();
    return { partition, leader, leaderEpoch };
  }) ?? [];
  decoder.readInt32(); // what one may do
  decoder.readTaggedFields();
  return { code, topic: { name, id, partitions } };
}

function readUuid(decoder: Decoder): string {
  const bytes = new DataView(new ArrayBuffer(16));
  bytes.setBigInt64(0, BigInt(decoder.readInt64().toString()));
  bytes.setBigInt64(8, BigInt(decoder.readInt64().toString()));
  return new Uint8Array(bytes.buffer).toBase64({ alphabet: "base64url", omitPadding: true });
}

/** Since Kafka 2.3: the first version that a consumer may ask. */
const OFFSET_FOR_LEADER_EPOCH = { apiKey: 23, version: 3 } as const;

/**
 * Where the records of a leader's epoch end in a partition's log: the answer is -1 where the leader has
 * never heard of it. To be asked of the leader.
 *
 * @param currentEpoch the newest that we know of: an older leader refuses then
 */
export function endOfEpochRequest(
  { topic, partition }: TopicPartition,
  leaderEpoch: number,
  currentEpoch: number,
): WireRequest<{ readonly codes: readonly number[]; readonly end: number }> {
  const { apiKey, version } = OFFSET_FOR_LEADER_EPOCH;
  const fields = { topic, partition, leaderEpoch, currentEpoch };
  return wire("OffsetForLeaderEpoch", apiKey, version, fields, (encoder) => {
    encoder.writeInt32(-1).writeInt32(1).writeString(topic).writeInt32(1).writeInt32(partition);
    encoder.writeInt32(currentEpoch).writeInt32(leaderEpoch);
  }, (decoder) => {
    const clientSideThrottleTime = decoder.readInt32();
    const [found] = decoder.readArray(() => {
      decoder.readString(); // topic
      return decoder.readArray(() => {
        const code = decoder.readInt16();
        decoder.readInt32(); // partition
        decoder.readInt32(); // leader epoch
        return { code, end: Number(decoder.readInt64()) };
      });
    }).flat();
    if (!found) throw new Error("the answer lacks the partition");
    return { answer: { codes: [found.code], end: found.end }, clientSideThrottleTime };
  });
}
