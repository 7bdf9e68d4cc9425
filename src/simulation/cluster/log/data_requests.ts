/** What a broker does with Produce, Fetch, ListOffsets and OffsetForLeaderEpoch. */
import type { Broker } from "../broker.ts";
import {
  CONCURRENT_TRANSACTIONS,
  COORDINATOR_LOAD_IN_PROGRESS,
  COORDINATOR_NOT_AVAILABLE,
  NETWORK_EXCEPTION,
  NONE,
  NOT_COORDINATOR,
  NOT_ENOUGH_REPLICAS,
  NOT_LEADER_OR_FOLLOWER,
  UNKNOWN_TOPIC_OR_PARTITION,
} from "../codes.ts";
import { AT, TRANSACTIONAL } from "../../../kafka/protocol/layout.ts";
import { bufferOf } from "../../../runtime/buffer.ts";
import { failedFetch } from "./failed_fetch.ts";
import type {
  AnswerOf,
  FetchedPartition,
  PartitionBatch,
  PartitionCode,
  RequestOf,
  TopicPartition,
} from "../requests.ts";
import { type Reader, TopicLeader } from "./topic_leader.ts";
import type { Verification } from "./verifications.ts";

/** Asks a transaction's coordinator whether a partition is in it (KIP-890). */
export type Verify = (
  broker: Broker,
  transaction: {
    readonly transactionalId: string;
    readonly producerId: bigint;
    readonly producerEpoch: number;
  },
  partition: string,
  done: (code: number) => void,
) => void;

/** The partition's leader on this broker, or an error. */
function leaderOn(broker: Broker, { topic, partition }: TopicPartition): TopicLeader | number {
  const place = broker.view.topics.get(topic)?.places[partition];
  if (!place) return UNKNOWN_TOPIC_OR_PARTITION;
  const led = broker.leads.get(place.home);
  return led instanceof TopicLeader ? led : NOT_LEADER_OR_FOLLOWER;
}

export function produce(
  broker: Broker,
  { transactionalId, batches, timeoutMs }: RequestOf<"Produce">,
  verify: Verify,
  answer: (answer: readonly PartitionCode[]) => void,
): void {
  const codes: PartitionCode[] = [];
  let left = batches.length;
  if (left === 0) answer(codes);
  const done = ({ topic, partition }: TopicPartition, code: number) => {
    codes.push({ topic, partition, code });
    if (--left === 0) answer(codes);
  };
  for (const batch of batches) {
    const leader = leaderOn(broker, batch);
    if (typeof leader === "number") {
      done(batch, leader);
      continue;
    }
    const append = (verification?: Verification) =>
      leader.isActive
        ? leader.append(batch.bytes, timeoutMs, (code) => done(batch, code), verification)
        : done(batch, NOT_LEADER_OR_FOLLOWER);
    const unverified = transactionalId !== null && producerToVerify(batch, leader);
    if (!unverified) append();
    else {
      const { producerId, producerEpoch, firstSequence } = unverified;
      const verification = leader.log.verifications
        .begin(Number(producerId), producerEpoch, firstSequence);
      verify(
        broker,
        { transactionalId, producerId, producerEpoch },
        `${batch.topic}/${batch.partition}`,
        (code) => code === NONE ? append(verification) : done(batch, asProduce(code)),
      );
    }
  }
}

/** What may be different in a moment has one name for producers (ReplicaManager). */
function asProduce(code: number): number {
  switch (code) {
    case NETWORK_EXCEPTION:
    case COORDINATOR_LOAD_IN_PROGRESS:
    case COORDINATOR_NOT_AVAILABLE:
    case NOT_COORDINATOR:
    case CONCURRENT_TRANSACTIONS:
      return NOT_ENOUGH_REPLICAS;
    default:
      return code;
  }
}

/** Of a transaction that is not known to be open here, and of a producer that may be the newest. */
function producerToVerify({ bytes }: PartitionBatch, { log }: TopicLeader) {
  const header = bufferOf(bytes);
  if (header.length < AT.records) return undefined;
  if ((header.readInt16BE(AT.attributes) & TRANSACTIONAL) === 0) return undefined;
  const producerId = header.readBigInt64BE(AT.producerId);
  const producerEpoch = header.readInt16BE(AT.producerEpoch);
  const id = Number(producerId);
  if (log.hasOpen(id, producerEpoch) || log.isFenced(id, producerEpoch)) return undefined;
  return { producerId, producerEpoch, firstSequence: header.readInt32BE(AT.firstSequence) };
}

/**
 * Waits for something to read in any of the partitions, and then a while for more; for an error; or for the
 * end of its time.
 */
export class Fetch implements Reader {
  readonly #leaders: (TopicLeader | number)[];
  #stopTimer: (() => void) | undefined;
  #gathers = false;
  #isOver = false;

  constructor(
    private readonly broker: Broker,
    private readonly request: RequestOf<"Fetch">,
    private readonly answer: (answer: readonly FetchedPartition[]) => void,
  ) {
    this.#leaders = request.partitions.map((partition) => leaderOn(broker, partition));
    if (request.maxWaitMs <= 0 || this.#look() === "failure") {
      this.#end();
      return;
    }
    for (const leader of this.#leaders) (leader as TopicLeader).readers.add(this);
    this.#stopTimer = broker.after(request.maxWaitMs, () => this.#end());
    this.wake();
  }

  wake(): void {
    if (this.#isOver) return;
    const found = this.#look();
    if (found === "nothing") return;
    const { gatherMs = 0 } = this.request;
    if (found === "failure" || gatherMs === 0) return this.#end();
    if (this.#gathers) return;
    this.#gathers = true;
    this.#stopTimer!();
    this.#stopTimer = this.broker.after(gatherMs, () => this.#end());
  }

  #look(): "nothing" | "records" | "failure" {
    const { partitions } = this.request;
    if (partitions.length === 0) return "failure";
    let found: "nothing" | "records" = "nothing";
    for (let i = 0; i < partitions.length; i++) {
      const leader = this.#leaders[i]!;
      if (typeof leader === "number" || !leader.isActive) return "failure";
      const { offset } = partitions[i]!;
      const { log } = leader;
      if (offset > log.end || offset < log.start) return "failure";
      if (offset < log.lastStableOffset) found = "records";
    }
    return found;
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#stopTimer?.();
    const { partitions, maxBytesPerPartition } = this.request;
    const fetched: FetchedPartition[] = [];
    for (let i = 0; i < partitions.length; i++) {
      const leader = this.#leaders[i]!;
      const { topic, partition, offset } = partitions[i]!;
      if (typeof leader === "number") fetched.push(failedFetch(topic, partition, leader));
      else {
        leader.readers.delete(this);
        fetched.push(
          leader.isActive
            ? leader.log.fetch(offset, maxBytesPerPartition, topic, partition)
            : failedFetch(topic, partition, NOT_LEADER_OR_FOLLOWER),
        );
      }
    }
    this.answer(fetched);
  }
}

export function listOffsets(
  broker: Broker,
  { partitions, at }: RequestOf<"ListOffsets">,
): AnswerOf<RequestOf<"ListOffsets">> {
  return partitions.map((each) => {
    const { topic, partition } = each;
    const leader = leaderOn(broker, each);
    if (typeof leader === "number") return { topic, partition, code: leader, offset: -1 };
    return { topic, partition, ...leader.offset(at) };
  });
}

export function offsetForLeaderEpoch(
  broker: Broker,
  request: RequestOf<"OffsetForLeaderEpoch">,
): AnswerOf<RequestOf<"OffsetForLeaderEpoch">> {
  const leader = leaderOn(broker, request);
  if (typeof leader === "number") return { codes: [leader], end: -1 };
  const { code, end } = leader.endOfEpoch(request.leaderEpoch, request.currentEpoch);
  return { codes: [code], end };
}
