/** Requests and answers for a trace that a person reads. */
import type { AnswerOf, MemberGeneration, Request, TopicPartition } from "../cluster/requests.ts";
import { eachCode, nameOfCode } from "./answers.ts";

function places(partitions: readonly (TopicPartition & { readonly offset?: number })[]): string {
  return partitions.map(({ topic, partition, offset }) =>
    `${topic}/${partition}${offset === undefined ? "" : `@${offset}`}`
  ).join(" ");
}

export function describeRequest(request: Request): string {
  return `${request.api} ${detailsOf(request)}`.trimEnd();
}

function detailsOf(request: Request): string {
  switch (request.api) {
    case "Metadata":
      return request.topics.join(" ");
    case "FindCoordinator":
      return `${request.type} ${request.key}`;
    case "Produce":
      return places(request.batches);
    case "Fetch":
    case "ListOffsets":
      return places(request.partitions);
    case "OffsetForLeaderEpoch":
      return `${places([request])} epoch ${request.leaderEpoch}`;
    case "InitProducerId":
      return request.transactionalId ?? "";
    case "AddPartitionsToTxn":
      return `${producerOf(request)} ${places(request.partitions)}`;
    case "AddOffsetsToTxn":
      return `${producerOf(request)} ${request.group}`;
    case "TxnOffsetCommit":
      return `${producerOf(request)} ${request.group} ${memberOf(request)} ${
        places(request.offsets)
      }`;
    case "EndTxn":
      return `${producerOf(request)} ${request.commit ? "commit" : "abort"}`;
    case "OffsetFetch":
      return `${request.group} ${places(request.partitions)}`;
    case "OffsetCommit":
      return `${request.group} ${memberOf(request)} ${places(request.offsets)}`;
    case "JoinGroup":
      return `${request.group} ${request.memberId}`;
    case "SyncGroup":
    case "Heartbeat":
      return `${request.group} ${memberOf(request)}`;
    case "DescribeGroups":
      return request.group;
    case "LeaveGroup":
      return `${request.group} ${request.memberId}`;
  }
}

function memberOf({ memberId, generation }: MemberGeneration): string {
  return generation < 0 && memberId === "" ? "no member" : `${memberId} generation ${generation}`;
}

function producerOf(
  { transactionalId, producerId, producerEpoch }: {
    readonly transactionalId: string;
    readonly producerId: bigint;
    readonly producerEpoch: number;
  },
): string {
  return `${transactionalId} (${producerId}, epoch ${producerEpoch})`;
}

export function describeAnswer(request: Request, answer: unknown): string {
  const codes: string[] = [];
  eachCode(answer, (code) => codes.push(nameOfCode(code)));
  if (codes.length > 0) return `${request.api}: ${codes.join(" ")}`;
  return `${request.api}: ${resultOf(request, answer)}`;
}

function resultOf(request: Request, answer: unknown): string {
  if (request.api === "OffsetFetch") {
    return places((answer as AnswerOf<typeof request>).partitions);
  }
  if (request.api === "Fetch") {
    const fetched = answer as {
      topic: string;
      partition: number;
      batches: { firstOffset: number; lastOffset: number }[];
    }[];
    const some = fetched.filter(({ batches }) => batches.length > 0);
    if (some.length === 0) return "nothing";
    return some.map(({ topic, partition, batches }) =>
      `${topic}/${partition} ${batches[0]!.firstOffset}–${batches.at(-1)!.lastOffset}`
    ).join(" ");
  }
  const { node, producerId, producerEpoch, generation, memberId } = answer as Record<
    string,
    unknown
  >;
  if (node !== undefined) return `broker ${node}`;
  if (producerId !== undefined) return `producer ${producerId}, epoch ${producerEpoch}`;
  if (generation !== undefined) return `generation ${generation}, ${memberId}`;
  return "done";
}
