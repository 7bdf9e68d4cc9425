/**
 * The requests of a transaction, as bytes, and their answers as error codes. kafkajs throws the first
 * error of an answer, and so loses which partitions failed and which did not.
 *
 * Versions that every broker since Kafka 2.1 has: https://kafka.apache.org/protocol
 */
import {
  type Decoded,
  type Decoder,
  type Encoder,
  NO_TAGS,
  wire,
  type WireRequest,
} from "./wire.ts";

/** From the answer to InitProducerId. */
export interface ProducerIdentity {
  readonly producerId: bigint;
  readonly producerEpoch: number;
}

export interface TopicPartition {
  /** The topic's name on the cluster. */
  readonly topic: string;
  readonly partition: number;
}

/** A record batch for one partition, encoded once: a repetition sends the same bytes. */
export interface PartitionBatch extends TopicPartition {
  readonly bytes: Uint8Array;
}

/** An error code of one partition; 0 is none. */
export interface PartitionCode extends TopicPartition {
  readonly code: number;
}

/** A request whose answer is a code, or one for each partition. */
export interface CodeAnswer {
  readonly codes: readonly number[];
  /** The same with their partitions, where the request is about partitions. */
  readonly partitions?: readonly PartitionCode[];
}

const ACKS_ALL = -1;

/**
 * @param transactionalId null outside transactions
 * @param timeoutMs how long the broker waits for its replicas
 */
export function produceRequest(
  transactionalId: string | null,
  timeoutMs: number,
  batches: readonly PartitionBatch[],
): WireRequest<PartitionCode[]> {
  return wire("Produce", 0, 7, { transactionalId, batches }, (encoder, insert) => {
    encoder.writeString(transactionalId).writeInt16(ACKS_ALL).writeInt32(timeoutMs);
    writeTopics(encoder, batches, (partition) => {
      encoder.writeInt32(partition.partition).writeInt32(partition.bytes.length);
      insert(partition.bytes);
    });
  }, (decoder) => {
    const answer = readTopics(decoder, () => {
      const partition = decoder.readInt32();
      const code = decoder.readInt16();
      decoder.readInt64(); // base offset
      decoder.readInt64(); // log append time
      decoder.readInt64(); // log start offset
      return { partition, code };
    });
    return { answer, clientSideThrottleTime: decoder.readInt32() };
  });
}

/** @param transactionalId null: idempotent, without transactions */
export function initProducerIdRequest(
  transactionalId: string | null,
  transactionTimeoutMs: number,
): WireRequest<CodeAnswer & ProducerIdentity> {
  return wire("InitProducerId", 22, 1, { transactionalId, transactionTimeoutMs }, (encoder) => {
    encoder.writeString(transactionalId).writeInt32(transactionTimeoutMs);
  }, (decoder) => {
    const clientSideThrottleTime = decoder.readInt32();
    const codes = [decoder.readInt16()];
    const identity = { producerId: decoder.readInt64(), producerEpoch: decoder.readInt16() };
    return { answer: { codes, ...identity }, clientSideThrottleTime };
  });
}

export function addPartitionsToTxnRequest(
  transactionalId: string,
  identity: ProducerIdentity,
  partitions: readonly TopicPartition[],
): WireRequest<CodeAnswer> {
  return wire(
    "AddPartitionsToTxn",
    24,
    1,
    { transactionalId, ...identity, partitions },
    (encoder) => {
      writeIdentity(encoder.writeString(transactionalId), identity);
      writeTopics(encoder, partitions, ({ partition }) => encoder.writeInt32(partition));
    },
    (decoder) => readPartitionCodes(decoder, partitions.length),
  );
}

export function addOffsetsToTxnRequest(
  transactionalId: string,
  identity: ProducerIdentity,
  group: string,
): WireRequest<CodeAnswer> {
  return wire("AddOffsetsToTxn", 25, 1, { transactionalId, ...identity, group }, (encoder) => {
    writeIdentity(encoder.writeString(transactionalId), identity).writeString(group);
  }, readCode);
}

export function txnOffsetCommitRequest(
  transactionalId: string,
  identity: ProducerIdentity,
  group: string,
  offsets: readonly (TopicPartition & { readonly offset: number })[],
): WireRequest<CodeAnswer> {
  return wire(
    "TxnOffsetCommit",
    28,
    1,
    { transactionalId, ...identity, group, offsets },
    (encoder) => {
      writeIdentity(encoder.writeString(transactionalId).writeString(group), identity);
      writeTopics(encoder, offsets, ({ partition, offset }) => {
        encoder.writeInt32(partition).writeInt64(offset).writeString(null); // no metadata
      });
    },
    (decoder) => readPartitionCodes(decoder, offsets.length),
  );
}

export function endTxnRequest(
  transactionalId: string,
  identity: ProducerIdentity,
  commit: boolean,
): WireRequest<CodeAnswer> {
  return wire("EndTxn", 26, 1, { transactionalId, ...identity, commit }, (encoder) => {
    writeIdentity(encoder.writeString(transactionalId), identity).writeBoolean(commit);
  }, readCode);
}

/**
 * A group's committed offset of one partition; -1 when there is none.
 *
 * With `require_stable` (KIP-447) the answer waits for a transaction that is still being ended, and a
 * coordinator that has just moved answers when it is sure, not with an older offset.
 */
export function offsetFetchRequest(
  group: string,
  { topic, partition }: TopicPartition,
): WireRequest<CodeAnswer & { readonly offset: number }> {
  return wire("OffsetFetch", 9, 7, { group, topic, partition, requireStable: true }, (encoder) => {
    encoder.writeUVarInt(NO_TAGS).writeUVarIntString(group);
    encoder.writeUVarInt(1 + 1).writeUVarIntString(topic);
    encoder.writeUVarInt(1 + 1).writeInt32(partition).writeUVarInt(NO_TAGS);
    encoder.writeBoolean(true).writeUVarInt(NO_TAGS);
  }, (decoder) => {
    decoder.readTaggedFields();
    const clientSideThrottleTime = decoder.readInt32();
    const topics = decoder.readUVarIntArray(() => {
      decoder.readUVarIntString(); // topic
      const partitions = decoder.readUVarIntArray(() => {
        decoder.readInt32(); // partition
        const offset = Number(decoder.readInt64());
        decoder.readInt32(); // leader epoch
        decoder.readUVarIntString(); // metadata
        const code = decoder.readInt16();
        decoder.readTaggedFields();
        return { offset, code };
      });
      decoder.readTaggedFields();
      return partitions ?? [];
    });
    const codeOfGroup = decoder.readInt16();
    const [found] = topics?.flat() ?? [];
    if (codeOfGroup === 0 && !found) throw new Error("the answer lacks the partition");
    const codes = [codeOfGroup, found?.code ?? 0];
    return { answer: { codes, offset: found?.offset ?? -1 }, clientSideThrottleTime };
  });
}

/** Which broker is the coordinator, as the one that is asked knows it. */
export function findCoordinatorRequest(
  key: string,
  type: "group" | "transaction",
): WireRequest<{ readonly code: number; readonly node: number }> {
  return wire("FindCoordinator", 10, 1, { type, key }, (encoder) => {
    encoder.writeString(key).writeInt8(COORDINATOR_TYPES[type]);
  }, (decoder) => {
    const clientSideThrottleTime = decoder.readInt32();
    const code = decoder.readInt16();
    decoder.readString(); // in words
    return { answer: { code, node: decoder.readInt32() }, clientSideThrottleTime };
  });
}

/** Kafka's numbers. */
export const COORDINATOR_TYPES = { group: 0, transaction: 1 } as const;

/** A member of a consumer group, as of one assignment: the coordinator refuses it after the next. */
export interface MemberGeneration {
  readonly generation: number;
  readonly memberId: string;
}

const NO_MEMBER: MemberGeneration = { generation: -1, memberId: "" };

/** @param member absent: set from outside the group, which is refused while it has members */
export function offsetCommitRequest(
  group: string,
  offsets: readonly (TopicPartition & { readonly offset: number })[],
  { generation, memberId }: MemberGeneration = NO_MEMBER,
): WireRequest<CodeAnswer> {
  return wire("OffsetCommit", 8, 5, { group, generation, memberId, offsets }, (encoder) => {
    encoder.writeString(group).writeInt32(generation).writeString(memberId);
    writeTopics(encoder, offsets, ({ partition, offset }) => {
      encoder.writeInt32(partition).writeInt64(offset).writeString(null); // no metadata
    });
  }, (decoder) => readPartitionCodes(decoder, offsets.length));
}

function writeIdentity(encoder: Encoder, { producerId, producerEpoch }: ProducerIdentity): Encoder {
  return encoder.writeInt64(producerId).writeInt16(producerEpoch);
}

/** Topics, each with its partitions. */
function writeTopics<P extends TopicPartition>(
  encoder: Encoder,
  partitions: readonly P[],
  write: (partition: P) => void,
): void {
  const topics = Map.groupBy(partitions, ({ topic }) => topic);
  encoder.writeInt32(topics.size);
  for (const [topic, ofTopic] of topics) {
    encoder.writeString(topic).writeInt32(ofTopic.length);
    for (const partition of ofTopic) write(partition);
  }
}

function readTopics<T>(decoder: Decoder, read: () => T): (T & { topic: string })[] {
  return decoder.readArray(() => {
    const topic = decoder.readString();
    return decoder.readArray(() => ({ ...read(), topic }));
  }).flat();
}

function readCode(decoder: Decoder): Decoded<CodeAnswer> {
  const clientSideThrottleTime = decoder.readInt32();
  return { answer: { codes: [decoder.readInt16()] }, clientSideThrottleTime };
}

/** @throws when not all of the `expected` partitions were answered */
function readPartitionCodes(decoder: Decoder, expected: number): Decoded<CodeAnswer> {
  const clientSideThrottleTime = decoder.readInt32();
  const partitions = readTopics(decoder, () => {
    const partition = decoder.readInt32();
    return { partition, code: decoder.readInt16() };
  });
  if (partitions.length < expected) throw new Error("the answer lacks a partition");
  const codes = partitions.map(({ code }) => code);
  return { answer: { codes, partitions }, clientSideThrottleTime };
}
