/** What a broker is asked about a log, beside what kafkajs asks: ids and leader epochs. */
import type { TopicPartition } from "../protocol/requests.ts";
import { type Decoder, NO_TAGS, wire, type WireRequest } from "../protocol/wire.ts";

/** Since Kafka 2.8: the first version with topic ids. */
export const METADATA = { apiKey: 3, version: 10 } as const;

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
  return wire("Metadata", METADATA.apiKey, METADATA.version, (encoder) => {
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
export const OFFSET_FOR_LEADER_EPOCH = { apiKey: 23, version: 3 } as const;

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
  return wire("OffsetForLeaderEpoch", apiKey, version, (encoder) => {
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
