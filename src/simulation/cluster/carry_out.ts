/** What a broker does with a request: who of it answers. */
import type { Broker } from "./broker.ts";
import { COORDINATOR_NOT_AVAILABLE, NONE, UNKNOWN_TOPIC_OR_PARTITION } from "./codes.ts";
import * as coordinators from "./coordinators/coordinator_requests.ts";
import {
  Fetch,
  listOffsets,
  offsetForLeaderEpoch,
  produce,
  type Verify,
} from "./log/data_requests.ts";
import type { MetadataAnswer, Request } from "./requests.ts";
import { fnv1a, mix } from "../../runtime/hash.ts";

/** Of the coordinators' topics; enough that they are spread over the brokers. */
export const COORDINATOR_PARTITIONS = 6;

export interface Services {
  readonly clusterId: string;
  readonly verify: Verify;
  nextProducerId(): bigint;
}

export function carryOut(
  broker: Broker,
  request: Request,
  services: Services,
  answer: (answer: unknown) => void,
): void {
  const { view } = broker;
  switch (request.api) {
    case "Produce":
      return produce(broker, request, services.verify, answer);
    case "Fetch":
      void new Fetch(broker, request, answer);
      return;
    case "ListOffsets":
      return answer(listOffsets(broker, request));
    case "OffsetForLeaderEpoch":
      return answer(offsetForLeaderEpoch(broker, request));
    case "Metadata":
      return answer(metadata(broker, services.clusterId, request.topics));
    case "FindCoordinator": {
      const places = request.type === "group" ? view.groups : view.transactions;
      const { leader: node } = places[partitionOf(request.key)]!;
      return answer({ code: node < 0 ? COORDINATOR_NOT_AVAILABLE : NONE, node });
    }
    case "InitProducerId": {
      const { transactionalId } = request;
      if (transactionalId === null) {
        return answer({ codes: [NONE], producerId: services.nextProducerId(), producerEpoch: 0 });
      }
      const place = view.transactions[partitionOf(transactionalId)]!;
      return coordinators.initProducerId(broker, place, { ...request, transactionalId }, answer);
    }
    case "AddPartitionsToTxn":
    case "AddOffsetsToTxn":
    case "EndTxn": {
      const place = view.transactions[partitionOf(request.transactionalId)]!;
      if (request.api === "EndTxn") return coordinators.endTxn(broker, place, request, answer);
      if (request.api === "AddPartitionsToTxn") {
        return coordinators.addPartitionsToTxn(broker, place, request, answer);
      }
      const offsets = partitionOf(request.group);
      return coordinators.addOffsetsToTxn(broker, place, offsets, request, answer);
    }
    default: {
      const place = view.groups[partitionOf(request.group)]!;
      switch (request.api) {
        case "TxnOffsetCommit":
          return coordinators.txnOffsetCommit(broker, place, request, services.verify, answer);
        case "OffsetCommit":
          return coordinators.offsetCommit(broker, place, request, answer);
        case "DescribeGroups":
          return coordinators.describeGroups(broker, place, request, answer);
        case "OffsetFetch":
          return coordinators.offsetFetch(broker, place, request, answer);
        default:
          return coordinators.groupMember(broker, place, request, answer);
      }
    }
  }
}

/** @param names none: all */
function metadata(
  { view }: Broker,
  clusterId: string,
  names: readonly string[],
): MetadataAnswer {
  const asked = names.length > 0 ? names : [...view.topics.keys()];
  const topics = asked.map((name) =>
    view.topics.get(name)?.answer ??
      { code: UNKNOWN_TOPIC_OR_PARTITION, name, id: "", partitions: [] }
  );
  return { clusterId, brokers: view.alive, topics };
}

/** Of the coordinators' topics: of a group's name, or of a transactional id. */
export function partitionOf(key: string): number {
  return (mix(fnv1a(key)) >>> 0) % COORDINATOR_PARTITIONS;
}
