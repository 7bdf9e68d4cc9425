/**
 * The requests of a transaction, as bytes, and their answers as error codes. kafkajs throws the first
 * error of an answer, and so loses which partitions failed and which did not.
 *
 * Versions that every broker since Kafka 2.5 has: https://kafka.apache.org/protocol
 */
import { readCompactTopics, readTopics, writeCompactTopics, writeTopics } from "./topic_arrays.ts";
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

/** A place in a log; of a group, the next offset to process. */
export interface PartitionOffset extends TopicPartition {
  readonly offset: number;
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
    (decoder) => readPartitionCodes(decoder, partitions),
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

/**
 * As a member of the group, which the coordinator refuses once the group has been assigned anew (KIP-447);
 * or as none, `NO_MEMBER`: any producer may.
 */
export function txnOffsetCommitRequest(
  transactionalId: string,
  identity: ProducerIdentity,
  group: string,
  offsets: readonly PartitionOffset[],
  { generation, memberId }: MemberGeneration,
): WireRequest<CodeAnswer> {
  const fields = { transactionalId, ...identity, group, generation, memberId, offsets };
  return wire("TxnOffsetCommit", 28, 3, fields, (encoder) => {
    encoder.writeUVarInt(NO_TAGS).writeUVarIntString(transactionalId).writeUVarIntString(group);
    writeIdentity(encoder, identity).writeInt32(generation).writeUVarIntString(memberId);
    encoder.writeUVarIntString(null); // no group.instance.id
    writeCompactTopics(encoder, offsets, ({ partition, offset }) => {
      encoder.writeInt32(partition).writeInt64(offset).writeInt32(-1); // no leader epoch
      encoder.writeUVarIntString(null).writeUVarInt(NO_TAGS); // no metadata
    });
    encoder.writeUVarInt(NO_TAGS);
  }, (decoder) => {
    decoder.readTaggedFields();
    const clientSideThrottleTime = decoder.readInt32();
    const partitions = readCompactTopics(decoder, () => {
      const partition = { partition: decoder.readInt32(), code: decoder.readInt16() };
      decoder.readTaggedFields();
      return partition;
    });
    return { answer: codesOf(partitions, offsets), clientSideThrottleTime };
  });
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

/** A partition's code, and its committed offset: -1 when there is none. */
export interface FetchedOffset extends PartitionCode {
  readonly offset: number;
}

export interface FetchedOffsets extends CodeAnswer {
  readonly partitions: readonly FetchedOffset[];
}

/**
 * A group's committed offsets. The codes of the answer are the group's; each partition has its own.
 *
 * With `require_stable` (KIP-447) a partition whose transaction is still being ended has no offset yet, and
 * a coordinator that has just moved answers when it is sure, not with an older offset.
 */
export function offsetFetchRequest(
  group: string,
  partitions: readonly TopicPartition[],
): WireRequest<FetchedOffsets> {
  const fields = { group, partitions, requireStable: true };
  return wire("OffsetFetch", 9, 7, fields, (encoder) => {
    encoder.writeUVarInt(NO_TAGS).writeUVarIntString(group);
    writeCompactTopics(encoder, partitions, ({ partition }) => encoder.writeInt32(partition));
    encoder.writeBoolean(true).writeUVarInt(NO_TAGS);
  }, (decoder) => {
    decoder.readTaggedFields();
    const clientSideThrottleTime = decoder.readInt32();
    const found = readFetchedOffsets(decoder);
    const codeOfGroup = decoder.readInt16();
    if (codeOfGroup === 0) requireAll(found, partitions);
    return { answer: { codes: [codeOfGroup], partitions: found }, clientSideThrottleTime };
  });
}

/** The partitions of one group in an answer to OffsetFetch, from version 6 on. */
export function readFetchedOffsets(decoder: Decoder): FetchedOffset[] {
  return readCompactTopics(decoder, () => {
    const partition = decoder.readInt32();
    const offset = Number(decoder.readInt64());
    decoder.readInt32(); // leader epoch
    decoder.readUVarIntString(); // metadata
    const code = decoder.readInt16();
    decoder.readTaggedFields();
    return { partition, offset, code };
  });
}

/** A member of a consumer group, as of one assignment: the coordinator refuses it after the next. */
export interface MemberGeneration {
  readonly generation: number;
  readonly memberId: string;
}

/** Of whatever commits from outside the group. */
export const NO_MEMBER: MemberGeneration = { generation: -1, memberId: "" };

/** @param member absent: set from outside the group, which is refused while it has members */
export function offsetCommitRequest(
  group: string,
  offsets: readonly PartitionOffset[],
  { generation, memberId }: MemberGeneration = NO_MEMBER,
): WireRequest<CodeAnswer> {
  return wire("OffsetCommit", 8, 5, { group, generation, memberId, offsets }, (encoder) => {
    encoder.writeString(group).writeInt32(generation).writeString(memberId);
    writeTopics(encoder, offsets, ({ partition, offset }) => {
      encoder.writeInt32(partition).writeInt64(offset).writeString(null); // no metadata
    });
  }, (decoder) => readPartitionCodes(decoder, offsets));
}

function writeIdentity(encoder: Encoder, { producerId, producerEpoch }: ProducerIdentity): Encoder {
  return encoder.writeInt64(producerId).writeInt16(producerEpoch);
}

function readCode(decoder: Decoder): Decoded<CodeAnswer> {
  const clientSideThrottleTime = decoder.readInt32();
  return { answer: { codes: [decoder.readInt16()] }, clientSideThrottleTime };
}

function readPartitionCodes(
  decoder: Decoder,
  asked: readonly TopicPartition[],
): Decoded<CodeAnswer> {
  const clientSideThrottleTime = decoder.readInt32();
  const partitions = readTopics(decoder, () => {
    const partition = decoder.readInt32();
    return { partition, code: decoder.readInt16() };
  });
  return { answer: codesOf(partitions, asked), clientSideThrottleTime };
}

function codesOf(
  partitions: readonly PartitionCode[],
  asked: readonly TopicPartition[],
): CodeAnswer {
  requireAll(partitions, asked);
  return { codes: partitions.map(({ code }) => code), partitions };
}

/** @throws when not all of the partitions that were asked about are answered */
function requireAll(answered: readonly TopicPartition[], asked: readonly TopicPartition[]): void {
  if (answered.length < asked.length) throw new Error("the answer lacks a partition");
}
